// A limit of the rate that hosts share.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "integration/live_tree.h"
#include "support/catch.h"
#include "support/dice.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t size = 2'000'000;  // that no packer makes smaller

void write_noise(const World& world) {
  Dice dice(1);
  world.write_app("1");
  world.write("app/random", dice.bytes(size));
  world.write_manifest();
}

std::string newest_state(const FarmHost& host) {
  const auto releases = host.releases();
  return releases.empty() ? "" : host.state(releases.back());
}

}  // namespace

TEST_CASE("under a limit all hosts get the release, in no less time than it says") {
  World world({.hosts = 3});
  write_noise(world);
  const std::string option = GENERATE("", "4MB");
  world.write_recipe("limit_rate: " + std::string(option.empty() ? "4MB" : "1k") + "\n");
  std::vector<std::string> words{"production"};
  if (!option.empty()) words.insert(words.end(), {"--limit-rate", option});
  const Ran ran = world.deploy(words);
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK(ran.seconds >= 3 * size / 4e6 - 0.1);
  for (const auto& host : world.hosts()) CHECK(changed_on_the_way(world.site() / "app", host) == "");
}

// Its share is the others', and it is none the worse for it.
TEST_CASE("under a limit a host that takes nothing any more keeps no other host from its release", "[slow]") {
  World world({.hosts = 3});
  write_noise(world);
  Relay& relay = world.relay(2);
  world.write_recipe("limit_rate: 1MB\n");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return relay.bytes_up() > 200'000; }, 60s));
  relay.freeze_up();
  const bool others_end = eventually([&] { return newest_state(world.host(0)) == "ready" && newest_state(world.host(1)) == "ready"; }, 60s);
  CHECK(newest_state(world.host(2)) == "preparing");
  relay.thaw();
  const Ran ran = running.wait();
  INFO(ran);
  CHECK(others_end);
  REQUIRE(ran.status == 0);
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("under a limit a host that is lost in its upload is the run's failure, and keeps nobody waiting", "[slow]") {
  World world({.hosts = 3});
  write_noise(world);
  Relay& relay = world.relay(2);
  world.write_recipe("limit_rate: 1MB\n");
  relay.cut_after_up(200'000);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  for (const auto& host : world.hosts()) CHECK(host.live().empty());
  CHECK(world.broken_invariants().empty());
}
