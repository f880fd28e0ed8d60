// A NAT, or a firewall, that forgets connections which carry nothing for a while, and tells neither side.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"

using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// Two hosts with a release, and a new one on its way. After the switch the second host, behind the NAT, has a task that says nothing.
struct Quiet {
  explicit Quiet(std::string carrier) : transport(std::move(carrier)) {
    world.write_app("1");
    REQUIRE(world.deploy({"production"}).status == 0);
    before = world.host(1).live();
    relay = &world.relay(1);
    world.write_recipe(
        "tasks: {quiet: '[ -e \"$SHARED_PATH/quiet\" ] && [ \"$DEPLOY_ACTION\" != undo ] || exit 0; "
        ": >\"$SHARED_PATH/begun\"; " + pipe.command() + "'}\nhooks: {after_publish: quiet}\n");
    world.host(1).write("shared/quiet", "");
    world.write_app("2");
  }
  Running start(const std::string& keepalive) const {
    Running running = world.start({"production", "--set", "ssh.keepalive=" + keepalive, "--set", "ssh.transport=" + transport});
    REQUIRE(eventually([&] { return world.host(1).exists("shared/begun") || running.has_ended(); }, 60s));
    return running;
  }
  [[nodiscard]] std::string name() const { return "127.0.0.1:" + std::to_string(relay->port()); }

  const std::string transport;
  World world{{.hosts = 2}};
  const Never pipe;  // of the quiet task, until the test writes to it
  Relay* relay = nullptr;
  std::string before;
};

}  // namespace

TEST_CASE("requests for a sign of life keep a NAT from forgetting a host whose task is quiet for longer than it remembers", "[slow]") {
  Quiet quiet(GENERATE("libssh2", "openssh"));
  Running running = quiet.start("1s");
  quiet.relay->forget_idle(6s);
  // One a second, and none sooner.
  for (int answers = 0; answers < 9; ++answers) {
    const auto so_far = quiet.relay->bytes_down();
    REQUIRE(eventually([&] { return quiet.relay->bytes_down() > so_far || running.has_ended(); }, 30s));
  }
  CHECK(quiet.relay->forgotten() == 0);
  quiet.relay->forget_idle(0s);
  std::ofstream(quiet.pipe.path()).close();
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : quiet.world.hosts()) REQUIRE(host.version() == "2");
  REQUIRE(quiet.relay->connections() == 1);
  REQUIRE(quiet.world.broken_invariants().empty());
}

TEST_CASE("a host that a NAT forgets in the midst of a quiet task is named after three intervals, and all hosts go back") {
  Quiet quiet(GENERATE("libssh2", "openssh"));
  const World& world = quiet.world;
  Running running = quiet.start("2s");
  quiet.relay->forget_idle(1s);
  REQUIRE(eventually([&] { return quiet.relay->forgotten() > 0 || running.has_ended(); }, 30s));
  quiet.relay->forget_idle(0s);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 3);
  CHECK_THAT(ran.err, ContainsSubstring("[" + quiet.name() + "]") &&
                          ContainsSubstring(quiet.transport == "libssh2" ? "no sign of life for " : "Timeout, server"));
  CHECK(ran.seconds < 40);  // three intervals, and the way back; three of the usual length are 45 s
  REQUIRE(quiet.relay->forgotten() == 1);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == quiet.before);
    REQUIRE(host.state(host.releases().back()) == "failed");
    REQUIRE_FALSE(host.exists(".kirikae/lock"));
  }
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
  std::filesystem::remove(world.host(1) / "shared/quiet");
  const Ran again = world.deploy({"production"});
  INFO(again);
  REQUIRE(again.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "2");
  REQUIRE(world.broken_invariants().empty());
}
