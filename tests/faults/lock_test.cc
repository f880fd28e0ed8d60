// The lock, while real deploys meet each other, vanish, sleep, and wake up late.
#include <csignal>
#include <iostream>
#include <random>
#include <set>

#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using std::chrono::seconds;

// Two hosts with a release. The next deploy's hook at `point` waits for the file shared/go, on every host.
struct Waiting {
  explicit Waiting(const std::string& point, bool with_relay = false) : world({.hosts = 2}) {
    world.write_app("1");
    REQUIRE(world.deploy({"production"}).status == 0);
    first = world.host(0).live();
    if (with_relay) relay = &world.relay(1);
    recipe = "tasks:\n  wait: '[ \"$DEPLOY_ACTION\" != undo ] || { echo \"$RELEASE\" >\"$SHARED_PATH/back\"; exit 0; }; touch "
             "\"$SHARED_PATH/here\"; until [ -e \"$SHARED_PATH/go\" ]; do sleep 0.1; done'\nhooks: {" +
             point + ": wait}\n";
    world.write_recipe(recipe);
    world.write_app("2");
    running.emplace(world.start({"production"}));
    for (const auto& host : world.hosts()) REQUIRE(eventually([&] { return host.exists("shared/here"); }, seconds(60)));
    for (const auto& host : world.hosts()) REQUIRE(host.exists(".kirikae/lock"));
    second = world.host(0).releases().back();
  }
  void let_go() const {
    for (const auto& host : world.hosts()) host.write("shared/go", "");
  }
  [[nodiscard]] bool locked() const {
    return std::ranges::any_of(world.hosts(), [](const auto& host) { return host.exists(".kirikae/lock"); });
  }
  // Seconds until no host is locked any more; over `limit`: not in that time.
  [[nodiscard]] double freed_after(seconds limit) const {
    const auto start = std::chrono::steady_clock::now();
    eventually([&] { return !locked(); }, limit + seconds(1));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  // A deploy of version 3 by somebody else, which waits for nobody.
  [[nodiscard]] Ran next() {
    world.write_app("3");
    world.environment = {"USER=bob"};
    let_go();
    return world.deploy({"production"});
  }

  World world;
  Relay* relay = nullptr;
  std::string first, second, recipe;
  std::optional<Running> running;
};

}  // namespace

TEST_CASE("many deploys at once to the same hosts, listed in any order, go one at a time, and all finish", "[many]") {
  const std::size_t deploys = is_thorough() ? 20 : 6;
  World world({.hosts = is_thorough() ? 10 : 4});
  world.write_app("1");
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::minstd_rand random(seed);
  // Whoever is at work has the folder; two at once would be seen.
  const char* const more =
      "keep_releases: 30\ntasks:\n"
      "  enter: 'mkdir \"$SHARED_PATH/at-work\" || echo \"$RELEASE\" >>\"$SHARED_PATH/met\"'\n"
      "  leave: 'rmdir \"$SHARED_PATH/at-work\" || echo \"$RELEASE\" >>\"$SHARED_PATH/met\"'\n"
      "hooks: {after_upload: enter, after_prune: leave}\n";
  std::vector<std::string> recipes;
  for (std::size_t i = 0; i < deploys; ++i) {
    std::vector<std::string> names;
    for (const auto& host : world.hosts()) names.push_back(host.name());
    std::shuffle(names.begin(), names.end(), random);
    std::string list = "[";
    for (const auto& name : names) list += (list.size() > 1 ? ", " : "") + name;
    world.write_recipe(more, list + "]");
    std::filesystem::rename(world.site() / "deploy.yml", world.site() / ("deploy" + std::to_string(i) + ".yml"));
    recipes.push_back("deploy" + std::to_string(i) + ".yml");
  }
  std::vector<Running> all;
  for (const auto& recipe : recipes) all.push_back(world.start({"production", "--recipe", recipe, "--lock-wait", "10m", "--set", "ssh.connect_timeout=60s"}));
  for (auto& each : all) {
    REQUIRE(eventually([&] { return each.has_ended(); }, std::chrono::minutes(5)));
    const Ran ran = each.wait();
    INFO(ran);
    CHECK(ran.status == 0);
  }
  for (const auto& host : world.hosts()) {
    INFO(host.name());
    CHECK_FALSE(host.exists("shared/met"));
    CHECK_FALSE(host.exists("shared/at-work"));
    CHECK_FALSE(host.exists(".kirikae/lock"));
    CHECK(host.releases().size() == deploys);
    CHECK(host.live() == world.host(0).live());
  }
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("of several deploys at once that don't wait, one deploys, and the others say who and since when", "[many]") {
  World world({.hosts = 4});
  world.write_app("1");
  world.write_recipe("tasks: {pause: 'sleep 2'}\nhooks: {build: pause}\n");
  std::vector<Running> all;
  for (int i = 0; i < 5; ++i) all.push_back(world.start({"production", "--set", "ssh.connect_timeout=60s"}));
  int done = 0;
  for (auto& each : all) {
    const Ran ran = each.wait();
    INFO(ran);
    done += ran.status == 0;
    if (ran.status == 0) continue;
    CHECK(ran.status == 4);
    CHECK_THAT(ran.err, ContainsSubstring("locked by ada@") && ContainsSubstring(" since 20") &&
                            ContainsSubstring("UTC (deploy production)"));
  }
  CHECK(done >= 1);
  CHECK(world.host(0).releases().size() == static_cast<std::size_t>(done));
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("the lock of a client that is killed is free within seconds, and the next deploy goes on") {
  const std::string point = GENERATE("build", "after_publish");
  Waiting waiting(point);
  waiting.running->signal(SIGKILL);
  CHECK(waiting.freed_after(seconds(20)) < 20);
  waiting.running->wait();
  CHECK(waiting.world.broken_invariants(true).empty());
  const Ran next = waiting.next();
  INFO(next);
  CHECK(next.status == 0);
  for (const auto& host : waiting.world.hosts()) CHECK(host.version() == "3");
  CHECK(waiting.world.broken_invariants().empty());
}

TEST_CASE("a cancelled CI job, TERM and soon KILL, leaves no lock, and the next deploy goes on") {
  const std::string point = GENERATE("build", "after_publish");
  Waiting waiting(point);
  waiting.running->signal(SIGTERM);
  eventually([&] { return waiting.running->has_ended(); }, std::chrono::milliseconds(200));
  waiting.running->signal(SIGKILL);
  CHECK(waiting.freed_after(seconds(20)) < 20);
  const Ran cancelled = waiting.running->wait();
  CHECK((cancelled.status == 128 + SIGKILL || cancelled.status == 130));
  CHECK(waiting.world.broken_invariants(true).empty());
  const Ran next = waiting.next();
  INFO(next);
  CHECK(next.status == 0);
  CHECK(waiting.world.broken_invariants().empty());
}

TEST_CASE("the lock of before a host's restart holds nobody up, and whoever had it changes nothing any more") {
  Waiting waiting("build");
  const World& world = waiting.world;
  for (const auto& host : world.hosts()) {  // as the file would look after a restart, but that the old run lives on here
    const std::string file = (host / ".kirikae/lock").string();
    REQUIRE(run_program({"/bin/sh", "-c", "sed 's/^boot .*/boot 01234567-89ab-cdef-0123-456789abcdef/' \"$1\" >\"$1.x\" && mv \"$1.x\" \"$1\"",
                         "sh", file})
                .status == 0);
  }
  world.write_recipe();  // no hook
  world.write_app("3");
  const Ran next = world.deploy({"production"});
  INFO(next);
  CHECK(next.status == 0);
  const std::string third = world.host(0).live();
  waiting.let_go();
  const Ran late = waiting.running->wait();
  INFO(late);
  CHECK(late.status == 1);
  CHECK_THAT(late.err, ContainsSubstring("is no longer ours"));
  for (const auto& host : world.hosts()) {
    CHECK(host.live() == third);
    CHECK(host.version() == "3");
  }
  CHECK(world.deploy({"production"}).status == 0);
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("stopped clients and a cut network: the lock goes after a minute, and who wakes up late changes nothing", "[slow]") {
  // Three at the same time, since it takes so long: stopped before its switch, stopped behind it, and with one host cut off.
  Waiting before("build"), behind("after_publish"), cut("build", true);
  before.running->signal(SIGSTOP);
  behind.running->signal(SIGSTOP);
  cut.relay->freeze();
  const auto cut_host_locked = [&] { return cut.world.host(1).exists(".kirikae/lock"); };
  REQUIRE_FALSE(eventually([&] { return !before.locked() || !behind.locked() || !cut_host_locked(); }, seconds(45)));
  CHECK(eventually([&] { return !before.locked() && !behind.locked() && !cut_host_locked(); }, seconds(60)));

  cut.let_go();
  const Ran lost = cut.running->wait();
  INFO("cut off: " << lost);
  CHECK(lost.status == 1);
  cut.relay->thaw();
  std::vector<std::string> thirds;
  for (Waiting* each : {&before, &behind, &cut}) {
    const Ran next = each->next();
    INFO(next);
    CHECK(next.status == 0);
    thirds.push_back(each->world.host(0).live());
  }

  before.running->signal(SIGCONT);
  const Ran early = before.running->wait();
  INFO("stopped before its switch: " << early);
  CHECK(early.status == 1);
  CHECK_THAT(early.err, ContainsSubstring("the client has been silent for a minute"));
  behind.running->signal(SIGCONT);
  const Ran late = behind.running->wait();
  INFO("stopped behind its switch: " << late);
  CHECK(late.status == 6);  // it had switched, and finds somebody else's release there
  CHECK_THAT(late.err, ContainsSubstring("somebody else has deployed"));
  CHECK_THAT(late.err, ContainsSubstring("somebody else has switched 'current' there"));

  std::size_t i = 0;
  for (Waiting* each : {&before, &behind, &cut}) {
    for (const auto& host : each->world.hosts()) {
      CHECK(host.live() == thirds[i]);
      CHECK(host.version() == "3");
    }
    ++i;
    CHECK(each->world.deploy({"production"}).status == 0);
    CHECK(each->world.broken_invariants().empty());
  }
}
