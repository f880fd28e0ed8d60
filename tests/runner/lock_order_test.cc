// In which order the hosts of a run are locked, whatever the recipe calls them.
#include "run_world.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::test;
using event::Outcome;

namespace {

struct LockWorld : RunWorld {
  explicit LockWorld(const std::vector<std::string>& keys) : RunWorld(static_cast<int>(keys.size())) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      hosts[i]->identify_as(keys[i]);
      hosts[i]->before_each([this, i](const FakeCall& call) {
        if (call.name == "facts") note(i, call);
      });
    }
  }
  // The first one that is asked gives the others time to be asked, too: they must not be.
  void note(std::size_t i, const FakeCall& call) {
    bool first;
    {
      const std::scoped_lock guard(mutex);
      first = locked.empty();
      if (call.text.find("kk_lock") != std::string::npos) locked.push_back("web" + std::to_string(i + 1));
    }
    if (first) alone = !eventually([&] { return names().size() > 1; }, std::chrono::milliseconds(200));
  }
  [[nodiscard]] std::vector<std::string> names() {
    const std::scoped_lock guard(mutex);
    return locked;
  }
  std::mutex mutex;
  std::vector<std::string> locked;  // hosts, in the order in which their locks were asked for
  bool alone = false;               // the first one was
};

}  // namespace

TEST_CASE("the host whose key is the lowest is locked first and alone, whatever it is called and wherever it is listed") {
  const auto [keys, first] = GENERATE(std::pair(std::vector<std::string>{"key c", "key b", "key a"}, "web3"),
                                      std::pair(std::vector<std::string>{"key b", "key a", "key c"}, "web2"),
                                      std::pair(std::vector<std::string>{"key a", "key b", "key c"}, "web1"));
  LockWorld world(keys);
  CHECK(world.deploy().outcome == Outcome::done);
  REQUIRE(world.names().size() == 3);
  CHECK(world.names().front() == first);
  CHECK(world.alone);
}

TEST_CASE("two runs that call the same hosts by other names, in another order, lock the same one first") {
  LockWorld one({"key b", "key a"}), other({"key a", "key b"});
  CHECK(one.deploy().outcome == Outcome::done);
  CHECK(other.rollback().outcome == Outcome::done);
  CHECK(one.names().front() == "web2");
  CHECK(other.names().front() == "web1");
}

TEST_CASE("hosts that have the same key, as cloned machines do, are locked by their names' order") {
  LockWorld world({"one key", "one key", "one key"});
  std::swap(world.request.hosts[0].name, world.request.hosts[2].name);
  std::swap(world.request.hosts[0].address, world.request.hosts[2].address);
  CHECK(world.deploy().outcome == Outcome::done);
  REQUIRE(world.names().size() == 3);
  CHECK(world.names().front() == "web1");
  CHECK(world.alone);
}

TEST_CASE("where one host can't be locked, those that were not asked anything for it are not said to lack something") {
  RunWorld world(3);
  world.request.recipe.compression = "gzip";
  world.hook(recipe::HookPoint::after_publish, "restart");
  world.request.recipe.tasks["restart"].become = "www";
  const auto [status, said] = GENERATE(std::pair(3, std::string("lock_by=bob@desk\n")), std::pair(7, std::string("frozen_by=bob@desk\n")),
                                       std::pair(8, std::string("same_as=web2\n")), std::pair(1, std::string()));
  const std::size_t refusing = GENERATE(std::size_t{0}, std::size_t{2});  // the first one to be locked, or one of the others
  for (auto& host : world.hosts) host->answer("facts", {.out = facts_text(world.live, {"20261121000000 good", world.live + " good"}, "sudo=yes\n")});
  world.hosts[refusing]->answer("facts", {.exit = {status, ""}, .out = said});
  for (const event::Report& report : {world.deploy(), world.rollback()}) {
    CHECK(report.errors.empty());
    for (std::size_t i = 0; i < world.hosts.size(); ++i) {
      INFO(said << report.hosts[i].host << ": " << (report.hosts[i].error ? to_text(*report.hosts[i].error) : "no error"));
      CHECK(report.hosts[i].error.has_value() == (i == refusing));
    }
  }
}
