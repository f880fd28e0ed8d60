// Connections that break: anywhere in a deploy, and at the moments that matter most.
#include <csignal>
#include <filesystem>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const char* const usual =
    "keep_releases: 2\nshared: {directories: [log]}\ntasks: {say: 'echo said >said'}\nhooks: {build: say, "
    "after_publish: say}\n";

// What a run that failed says of hosts is what is there.
void check_truth(const Ran& ran, const World& world, const std::string& before, const std::string& wanted_version) {
  for (const auto& host : world.hosts()) {
    INFO(host.name());
    switch (ran.status) {
      case 0:
        REQUIRE(host.version() == wanted_version);
        break;
      case 1:
      case 3:
      case 5:
        REQUIRE(host.live() == before);
        break;
      default:
        REQUIRE(ran.status == 6);
        REQUIRE_THAT(ran.err, ContainsSubstring("what to do:"));
    }
  }
}

// The line of the report's advice that has `part`.
std::string advice_with(const Ran& ran, const std::string& part) {
  const auto at = ran.err.find(part, ran.err.find("what to do:"));
  REQUIRE(at != std::string::npos);
  const auto from = ran.err.rfind('\n', at) + 1;
  return ran.err.substr(from, ran.err.find('\n', at) - from);
}

// Two hosts, the second behind a relay that cuts the connection at `part` of all bytes of a deploy, in one direction.
struct Cutting {
  Cutting() {
    world.write_app("0");
    for (const auto& host : world.hosts()) {
      host.write("shared/log/kept", "kept\n");
      REQUIRE(run_program({"/bin/sh", "-c", "cd \"$1/shared\" && sha256sum log/kept >SUMS", "sh", host.tree().string()})
                  .status == 0);
    }
    world.write_recipe(usual);
    REQUIRE(world.deploy({"production"}).status == 0);
    relay = &world.relay(1);
    world.write_recipe(usual);
    next_version();
    REQUIRE(world.deploy({"production"}).status == 0);
    up = relay->bytes_up();
    down = relay->bytes_down();
  }
  void next_version() { world.write_app(std::to_string(++version)); }

  // Returns the exit status of the run that was cut.
  int cut(std::uint64_t up_bytes, std::uint64_t down_bytes) {
    next_version();
    const std::string before = world.host(0).live();
    REQUIRE(world.host(1).live() == before);
    if (up_bytes != 0) relay->cut_after_up(up_bytes);
    if (down_bytes != 0) relay->cut_after_down(down_bytes);
    const Ran ran =
        world.deploy({"production", "--set", "ssh.connect_timeout=3s"});  // a login that is cut is tried again
    INFO("cut after " << up_bytes << " bytes up, " << down_bytes << " down\n" << ran);
    REQUIRE(ran.seconds < 60);
    check_truth(ran, world, before, std::to_string(version));
    REQUIRE(world.broken_invariants(true).empty());
    relay->cut_after_up(std::uint64_t{1} << 60);
    relay->cut_after_down(std::uint64_t{1} << 60);
    check_status(world);
    const Ran again = world.deploy({"production"});
    INFO(again);
    REQUIRE(again.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == std::to_string(version));
    REQUIRE(world.broken_invariants().empty());
    return ran.status;
  }

  World world{World::Options{.hosts = 2}};
  Relay* relay = nullptr;
  std::uint64_t up = 0, down = 0;
  int version = 0;
};

}  // namespace

TEST_CASE("a connection that breaks anywhere in a deploy leaves every invariant standing, and the next run mends it") {
  Cutting cutting;
  const std::uint64_t samples = is_thorough() ? 5 : 3;
  int failed = 0;
  for (std::uint64_t i = 1; i < samples; ++i) failed += cutting.cut(cutting.up * i / samples, 0) != 0;
  for (std::uint64_t i = 1; i < samples; ++i) failed += cutting.cut(0, cutting.down * i / samples) != 0;
  REQUIRE(failed >= (is_thorough() ? 5 : 3));  // else they were cut too late
}

TEST_CASE("a connection that breaks after any number of bytes leaves every invariant standing", "[slow]") {
  Cutting cutting;
  for (std::uint64_t at = 200; at < cutting.up; at += cutting.up / 150) cutting.cut(at, 0);
  for (std::uint64_t at = 50; at < cutting.down; at += cutting.down / 150) cutting.cut(0, at);
}

TEST_CASE(
    "a connection that is lost in the midst of a task fails the deploy before the switch, and the task is ended") {
  World world({.hosts = 2});
  world.write_app("1");
  Relay& relay = world.relay(1);
  world.write_recipe(
      "tasks: {wait: '[ -e \"$SHARED_PATH/wait\" ] || exit 0; echo $$ >\"$SHARED_PATH/pid\"; sleep 300'}\nhooks: "
      "{build: wait}\n");
  world.host(1).write("shared/wait", "");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return world.host(1).exists("shared/pid") && !world.host(1).read("shared/pid").empty(); },
                     std::chrono::seconds(60)));
  relay.cut();
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("lost"));
  const auto pid = static_cast<pid_t>(std::stol(world.host(1).read("shared/pid")));
  REQUIRE(eventually([&] { return ::kill(pid, 0) != 0; }, std::chrono::seconds(30)));
  for (const auto& host : world.hosts()) REQUIRE(host.live().empty());
  REQUIRE(world.broken_invariants(true).empty());
  check_status(world);
  std::filesystem::remove(world.host(1) / "shared/wait");
  const Ran again = world.deploy({"production"});
  INFO(again);
  REQUIRE(again.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.releases().size() == 1);
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}

namespace {

// Two hosts with a release; in the next deploy mv halts at the switch of the second one, once, before or after the rename.
struct LostSwitch {
  explicit LostSwitch(bool renamed) {
    world.write_app("1");
    REQUIRE(world.deploy({"production"}).status == 0);
    before = world.host(1).live();
    relay = &world.relay(1);
    world.write_recipe();
    const std::string halted = (world / "halted").string();
    const std::string halt = "touch " + halted + "; sleep 300";
    shims.write("mv",
                "#!/bin/sh\n[ -e " + halted + " ] || case $*,$SSH_CONNECTION in *.current-*,*' 127.0.0.2 '*) " +
                    (renamed ? "/bin/mv \"$@\"; " + halt : halt) + " ;; esac\nexec /bin/mv \"$@\"\n",
                0755);
    world.write_app("2");
  }
  // Deploys; when the switch halts, `before` happens and the connection is cut.
  Ran deploy(const std::function<void()>& before = [] {}) {
    Running running = world.start({"production"});
    REQUIRE(eventually([&] { return std::filesystem::exists(world / "halted") || running.has_ended(); },
                       std::chrono::seconds(60)));
    before();
    relay->cut();
    return running.wait();
  }

  const TempDir shims;
  World world{{.hosts = 2, .path = shims.path().string() + ":/usr/bin:/bin"}};
  Relay* relay = nullptr;
  std::string before;
};

}  // namespace

TEST_CASE("a connection that is lost while 'current' is switched: over a new one, the host is taken back") {
  const bool renamed = GENERATE(false, true);
  LostSwitch lost(renamed);
  const Ran ran = lost.deploy();
  INFO(ran);
  REQUIRE(ran.status == 3);
  for (const auto& host : lost.world.hosts()) {
    REQUIRE(host.live() == lost.before);
    REQUIRE(host.state(host.releases().back()) == "failed");
  }
  REQUIRE(lost.world.broken_invariants(true).empty());
  check_status(lost.world);
  REQUIRE(lost.world.deploy({"production"}).status == 0);
  REQUIRE(lost.world.host(1).version() == "2");
  REQUIRE(lost.world.broken_invariants().empty());
  check_status(lost.world);
}

TEST_CASE("a host that is lost for good while 'current' is switched is told as unknown, with the command that finds out") {
  LostSwitch lost(true);
  const World& world = lost.world;
  const Ran ran = lost.deploy([&] { lost.relay->refuse(1000); });
  lost.relay->refuse(0);
  INFO(ran);
  REQUIRE(ran.status == 6);
  REQUIRE(world.host(0).live() == lost.before);
  REQUIRE(world.host(1).version() == "2");
  REQUIRE_THAT(ran.out, ContainsSubstring("unknown"));
  REQUIRE(world.broken_invariants(true).empty());
  check_status(world);
  const Ran found = world.type(advice_with(ran, "may run"));
  INFO(found);
  REQUIRE(found.status == 0);
  REQUIRE_THAT(found.out, ContainsSubstring(world.host(1).live()));
  const Ran back = world.type(advice_with(ran, "rollback"));
  INFO(back);
  REQUIRE(back.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.live() == lost.before);
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}

TEST_CASE("a connection that breaks or falls silent in the midst of an upload is noticed; nothing is switched") {
  const bool silent = GENERATE(true, false);
  World world;
  world.write_app("1");
  REQUIRE(
      run_program({"/bin/sh", "-c", "head -c 30000000 /dev/urandom >\"$1\"", "sh", (world.site() / "app/big").string()})
          .status == 0);
  world.write_manifest();
  Relay& relay = world.relay(0);
  world.write_recipe();
  Running running = world.start({"production", "--set", "ssh.keepalive=1s"});
  REQUIRE(eventually([&] { return relay.bytes_up() > 2'000'000 || running.has_ended(); }, std::chrono::seconds(60)));
  if (silent) {
    relay.freeze();
  } else {
    relay.cut();
  }
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE(ran.seconds < 60);
  REQUIRE(world.host(0).live().empty());
  relay.cut();
  relay.thaw();
  const Ran again = world.deploy({"production"});
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.host(0).releases().size() == 1);
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}

TEST_CASE("a server that dies under the session fails the deploy, and the next run mends it") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "vars: {wait: \"yes\"}\ntasks: {wait: '[ $wait = yes ] || exit 0; echo $$ >\"$SHARED_PATH/pid\"; sleep "
      "300'}\nhooks: {build: wait}\n");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return world.host(0).exists("shared/pid") && !world.host(0).read("shared/pid").empty(); },
                     std::chrono::seconds(60)));
  world.sshd().kill_sessions();
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE(world.host(0).live().empty());
  const auto pid = static_cast<pid_t>(std::stol(world.host(0).read("shared/pid")));
  REQUIRE(eventually([&] { return ::kill(pid, 0) != 0; }, std::chrono::seconds(30)));
  // The host may still be busy with ending the hook, and then it is still locked.
  const Ran again = world.deploy({"production", "--set", "wait=no", "--lock-wait", "1m"});
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}
