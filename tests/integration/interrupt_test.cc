#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "core/fd.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A hook that tells its pid and then takes for ever, on hosts where $wait is yes.
std::string waiting_hook(const std::string& point) {
  return "vars: {wait: \"yes\"}\ntasks:\n  wait: '[ \"$wait\" = yes ] || exit 0; echo $$ >\"$SHARED_PATH/pid.new\"; mv "
         "\"$SHARED_PATH/pid.new\" \"$SHARED_PATH/pid\"; sleep 300; sleep 300'\n"
         "hooks: {" +
         point + ": wait}\n";
}

std::vector<pid_t> wait_for_hooks(const World& world) {
  std::vector<pid_t> pids;
  for (const auto& host : world.hosts()) {
    REQUIRE(eventually([&] { return host.exists("shared/pid"); }, std::chrono::seconds(60)));
    pids.push_back(static_cast<pid_t>(std::stol(host.read("shared/pid"))));
  }
  return pids;
}

bool all_gone(const std::vector<pid_t>& pids) {
  return eventually(
      [&] {
        for (const pid_t pid : pids) {
          if (::kill(pid, 0) == 0) return false;
        }
        return true;
      },
      std::chrono::seconds(30));
}

}  // namespace

TEST_CASE("a signal before the switch is exit 130: nothing is switched, and no hook is left on any host") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  world.write_recipe(waiting_hook("build"));
  const int signal = GENERATE(from_range(some_of(std::vector<int>{SIGINT, SIGTERM, SIGHUP}, 2)));
  Running running = world.start({"production"});
  const auto hooks = wait_for_hooks(world);
  running.signal(signal);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(ran.seconds < 60);
  REQUIRE(all_gone(hooks));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == first);
    REQUIRE(host.state(host.releases().back()) == "failed");
  }
  REQUIRE(world.broken_invariants().empty());
  const Ran again = world.deploy({"production", "--set", "wait=no"});
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.host(1).version() == "2");
  REQUIRE(world.host(0).releases().size() == 2);
}

TEST_CASE("a signal while the source is read, and connected hosts wait for that, is exit 130 at once, and no host is touched") {
  World world({.hosts = 2});
  world.write_app("1");
  // Half a terabyte without a block.
  REQUIRE(run_program({"truncate", "-s", "512G", (world.site() / "app/vast").string()}).status == 0);
  Running running = world.start({"production", "--output", "json"});
  REQUIRE(eventually([&] { return running.out().find("waiting for the source's files to be read") != std::string::npos; },
                     std::chrono::seconds(30)));
  running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(ran.seconds < 60);
  for (const auto& host : world.hosts()) REQUIRE(host.untouched());
}

TEST_CASE("a signal while hosts are asked is exit 130, and no host is touched") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {wait: {run: 'touch started; sleep 300', local: true}}\nhooks: {before_connect: wait}\n");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return std::filesystem::exists(world.site() / "started"); }));
  running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("a signal during after_publish takes every host back, with its hooks, and is exit 130; so do two, where the second is HUP") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  world.write_recipe(
      "tasks:\n  wait: 'if [ \"$DEPLOY_ACTION\" = undo ]; then echo \"$RELEASE\" >\"$SHARED_PATH/back\"; exit 0; fi; echo "
      "$$ >\"$SHARED_PATH/pid.new\"; mv \"$SHARED_PATH/pid.new\" \"$SHARED_PATH/pid\"; sleep 300; sleep 300'\n"
      "hooks: {after_publish: wait}\n");
  struct Signals {
    int first, second;  // 0: there is no second one
  };
  const std::vector<Signals> all{{SIGINT, 0}, {SIGTERM, 0}, {SIGHUP, SIGHUP}, {SIGTERM, SIGHUP}};
  const auto signals = GENERATE_COPY(from_range(some_of(all, 3)));
  Running running = world.start({"production"});
  const auto hooks = wait_for_hooks(world);
  running.signal(signals.first);
  if (signals.second != 0) {
    REQUIRE(eventually([&] { return running.err().find("stopping: ") != std::string::npos; }));
    running.signal(signals.second);
  }
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(all_gone(hooks));
  REQUIRE_THAT(ran.out, ContainsSubstring("undone"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == first);
    REQUIRE(host.version() == "1");
    REQUIRE(host.state(host.releases().back()) == "failed");
    REQUIRE(host.read("shared/back") == first + "\n");
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a second signal stops at once, even if the hook doesn't want to end; the host ends it all the same") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "tasks: {stubborn: 'trap \"\" TERM INT HUP; echo $$ >\"$SHARED_PATH/pid.new\"; mv \"$SHARED_PATH/pid.new\" "
      "\"$SHARED_PATH/pid\"; while :; do sleep 1; done'}\nhooks: {build: stubborn}\n");
  Running running = world.start({"production"});
  const auto hooks = wait_for_hooks(world);
  running.signal(SIGINT);
  REQUIRE(eventually([&] { return running.err().find("second signal") != std::string::npos; }));
  // What comes within 200 ms of the first counts as the same.
  REQUIRE(eventually([&] {
    running.signal(SIGINT);
    return running.has_ended();
  }));
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE_THAT(ran.err, ContainsSubstring("stopped at once"));
  REQUIRE(all_gone(hooks));
  REQUIRE(world.host(0).live().empty());
  REQUIRE(world.broken_invariants(true).empty());
}

TEST_CASE("a signal that was ignored at the start stays ignored: nohup, and jobs that a script has in the background") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {wait: 'mkfifo \"$SHARED_PATH/go\"; : >\"$SHARED_PATH/waits\"; read -r go <\"$SHARED_PATH/go\"'}\nhooks: {build: wait}\n");
  struct Case {
    int signal;
    std::string name;
  };
  const auto ignored = GENERATE(Case{SIGHUP, "HUP"}, Case{SIGINT, "INT"});
  Running running = world.start_typed("trap '' " + ignored.name + "; exec deploy production");
  REQUIRE(eventually([&] { return world.host(0).exists("shared/waits"); }, std::chrono::seconds(60)));
  running.signal(ignored.signal);
  const kirikae::Fd go(::open((world.host(0) / "shared/go").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::write(go.get(), "on\n", 3) == 3);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).version() == "1");
}

TEST_CASE("standard streams that were closed at the start are nobody's: a signal is heard, and the run's record holds nothing but events") {
  World world;
  world.write_app("1");
  world.write_recipe(waiting_hook("build"));
  Running running = world.start_typed("exec deploy production <&- >&- 2>&-");
  const auto hooks = wait_for_hooks(world);
  for (const char* fd : {"0", "1", "2"}) {
    CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(running.pid()) + "/fd/" + fd) == "/dev/null");
  }
  running.signal(SIGTERM);
  const Ran ran = running.wait();
  REQUIRE(ran.status == 130);
  REQUIRE(all_gone(hooks));
  const auto runs = world / "home/.local/state/kirikae/runs";
  const auto record = std::filesystem::directory_iterator(runs)->path();
  CHECK(validated_events(world.read(std::filesystem::relative(record, world / "").string())).back()["outcome"] == "interrupted");
}

TEST_CASE("a second signal stops at once, also where nobody reads what is printed") {
  World world;
  world.write_app("1");
  world.write_recipe(waiting_hook("build"));
  const auto pipe = world / "full";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const kirikae::Fd ends(::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  const std::string text(4096, 'x');
  while (::write(ends.get(), text.data(), text.size()) > 0) {
  }
  Running running = world.start_typed("exec deploy production >'" + pipe.string() + "' 2>&1");
  const auto hooks = wait_for_hooks(world);
  // What comes within 200 ms of the first counts as the same.
  CHECK(eventually([&] {
    running.signal(SIGINT);
    return running.has_ended();
  }, std::chrono::seconds(30)));
  REQUIRE(running.wait(std::chrono::seconds(0)).status == 130);
  REQUIRE(all_gone(hooks));
}

TEST_CASE("who starts the program may ignore the ends of children") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {here: {run: 'exit 3', local: true}}\nhooks: {after_prune: here}\n");
  const Ran ran = world.type("env --ignore-signal=CHLD deploy production");
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(0).version() == "1");
  CHECK_THAT(ran.out + ran.err, ContainsSubstring("status 3"));  // as it ended, of which it is told
}

TEST_CASE("a local task that runs when the signal comes is ended with its children") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {wait: {run: 'sleep 300 & echo $! >child; wait', local: true}}\nhooks: {build: wait}\n");
  Running running = world.start({"production"});
  REQUIRE(
      eventually([&] { return std::filesystem::exists(world.site() / "child") && !world.read("site/child").empty(); },
                 std::chrono::seconds(60)));
  running.signal(SIGTERM);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(all_gone({static_cast<pid_t>(std::stol(world.read("site/child")))}));
  REQUIRE(world.host(0).live().empty());
}
