#include "support/catch.h"
#include "support/farm.h"
#include "support/memory.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("many hosts, each with a server of its own, get a release, a second one, and go back", "[many]") {
  World world({.hosts = is_thorough() ? 50 : 15, .own_servers = true});
  world.write_app("1");
  world.write_recipe("shared: {directories: [log]}\ntasks: {mark: 'echo \"$HOST\" >mark'}\nhooks: {build: mark}\n");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.version() == "2");
    REQUIRE(host.read("current/mark") == host.name() + "\n");
    REQUIRE(host.live() == world.host(0).live());
  }
  REQUIRE(ran.peak_kilobytes < memory_limit(64 * 1024 + 256 * static_cast<long>(world.hosts().size())));
  ran = world.deploy({"rollback", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.live() == first);
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a run opens more files than the soft limit allows, and what it starts keeps that limit") {
  World world({.hosts = 12});
  world.write_app("1");
  world.write_recipe("tasks: {limit: {run: 'ulimit -Sn >limit', local: true}}\nhooks: {after_publish: limit}\n");
  const Ran ran = world.type("ulimit -Sn 40; deploy production");
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
  REQUIRE(world.read("site/limit") == "40\n");
}

namespace {

// One sshd, which drops ever more of what comes beyond some logins at a time, and everything beyond six times as many.
void deploy_all_at_once(int hosts, const std::string& max_startups) {
  World world({.hosts = hosts, .by_client = true, .sshd_config = {"MaxStartups " + max_startups}});
  std::string first;
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == version);
    if (first.empty()) first = world.host(0).live();
  }
  const Ran ran = world.deploy({"rollback", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.live() == first);
  REQUIRE(world.sshd().log().find("drop connection #") != std::string::npos);  // not that it had no occasion to
  REQUIRE(world.broken_invariants().empty());
}

}  // namespace

TEST_CASE("twenty hosts that are one sshd with MaxStartups 5:30:30 get a release, and go back", "[many]") {
  deploy_all_at_once(20, "5:30:30");
}

TEST_CASE("a hundred hosts that are one sshd with MaxStartups 10:30:60 get a release, and go back", "[many][slow]") {
  deploy_all_at_once(100, "10:30:60");  // Debian's
}
