// A service behind `current` is used all the time while releases come and go.
#include <deque>
#include <filesystem>

#include "service.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;

namespace {

// Four hosts at their first release, with a service on each.
struct Site {
  explicit Site(const std::string& recipe) {
    world.write_recipe(recipe);
    deploy_next();
    for (const auto& host : world.hosts()) services.emplace_back(host);
    settled();
  }

  void deploy_next(int status = 0) {
    world.write_app("v" + std::to_string(++version));
    run({"production"}, status);
  }
  void run(const std::vector<std::string>& arguments, int status) {
    const Ran ran = world.deploy(arguments);
    INFO(ran);
    REQUIRE(ran.status == status);
  }
  // All hosts are equal, and their services serve that release; it is noted as the next that they may have shown.
  void settled() {
    const std::string live = world.host(0).live();
    for (const auto& host : world.hosts()) REQUIRE(host.live() == live);
    for (const auto& service : services) REQUIRE(service.answers_from() == live);
    lives.push_back(live);
  }
  void nothing_was_wrong() const {
    for (const auto& service : services) {
      REQUIRE(service.wrong() == std::vector<std::string>());
      CHECK(service.requests() > static_cast<int>(lives.size()) * 2);
    }
    REQUIRE(world.broken_invariants().empty());
  }

  World world{{.hosts = 4}};
  std::deque<Service> services;
  std::vector<std::string> lives;  // what was live after each run
  int version = 0;
};

void deploys_and_rollbacks(int rounds) {
  Site site("keep_releases: 3\n");
  for (int round = 0; round < rounds; ++round) {
    site.deploy_next();
    site.settled();
    site.deploy_next();
    site.settled();
    site.run({"rollback", "production"}, 0);
    site.settled();
    REQUIRE(site.lives.back() == site.lives[site.lives.size() - 3]);
  }
  site.nothing_was_wrong();
  // Each run moved each service once, and nothing else did.
  for (const auto& service : site.services) CHECK(service.seen() == site.lives);
}

}  // namespace

TEST_CASE("four services under steady requests see no failure and no mix through deploys and rollbacks") {
  deploys_and_rollbacks(1);
}

TEST_CASE("four services under steady requests see no failure and no mix through 20 deploys and 10 rollbacks",
          "[slow]") {
  deploys_and_rollbacks(10);
}

TEST_CASE("services see no failure and no mix while deploys fail after the switch and are taken back") {
  Site site(
      "tasks: {restart: '[ \"$DEPLOY_ACTION\" = undo ] || [ ! -e \"$SHARED_PATH/broken\" ] || exit 1'}\n"
      "hooks: {after_publish: restart}\n");
  for (std::size_t broken = 0; broken < site.world.hosts().size(); broken += is_thorough() ? 1 : 2) {
    const std::string before = site.lives.back();
    site.world.host(broken).write("shared/broken", "");
    site.deploy_next(3);
    site.settled();
    REQUIRE(site.lives.back() == before);
    std::filesystem::remove(site.world.host(broken) / "shared/broken");
  }
  site.deploy_next();
  site.settled();
  site.nothing_was_wrong();
  const std::string first = site.lives.front(), last = site.lives.back();
  for (const auto& service : site.services) {
    // Back at the first release after each of the others, which may have been too short to be noticed.
    const auto seen = service.seen();
    REQUIRE(seen.size() <= 2 * site.world.hosts().size() + 2);
    for (std::size_t i = 0; i + 1 < seen.size(); ++i) CHECK((seen[i] == first) == (i % 2 == 0));
    CHECK(seen.back() == last);
  }
}

TEST_CASE("the watch over a service notices a link that is gone, half a page and a mix") {
  World world({.hosts = 1});
  world.write_app("one");
  REQUIRE(world.deploy({"production"}).status == 0);
  const FarmHost& host = world.host(0);
  const auto current = host / "current", away = host / "away";
  const Service service(host);
  REQUIRE(service.answers_from() == host.live());
  REQUIRE(service.wrong().empty());
  const auto notices = [&](const std::string& what) {
    return eventually(
        [&] {
          const auto wrong = service.wrong();
          return !wrong.empty() && wrong.back().find(what) != std::string::npos;
        },
        std::chrono::seconds(30));
  };
  SECTION("gone") {
    std::filesystem::rename(current, away);
    REQUIRE(notices("answered with HTTP/1.0 500"));
  }
  SECTION("half a page") {
    host.write("current/pages/long.txt", "line 0 of one\n");
    REQUIRE(notices("a page of 1 lines"));
  }
  SECTION("a mix") {
    host.write("current/VERSION", "two");
    REQUIRE(notices("a mix: version two"));
  }
}
