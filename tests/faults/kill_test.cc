// kill -9 of the program at every phase: the hosts stay whole, nothing of it runs on, and the next run converges.
#include <csignal>
#include <sstream>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool gone(pid_t pid) {
  return eventually([&] { return ::kill(pid, 0) != 0; }, std::chrono::seconds(30));
}

}  // namespace

TEST_CASE("the program is killed in a hook of every phase: nothing of it runs on, and the next run converges", "[slow]") {
  World world({.hosts = 2});
  const std::vector<std::string> points = {"after_connect",  "before_upload", "after_upload", "after_link", "build",
                                           "before_publish", "after_publish", "before_prune", "after_prune"};
  std::string tasks = "keep_releases: 2\nvars: {stop_at: nowhere}\ntasks:\n", hooks = "hooks:\n";
  for (const auto& point : points) {
    tasks += "  at_" + point + ": '[ \"$stop_at\" = " + point + " ] || exit 0; echo $$ >" + (world / "pid").string() +
             ".$HOST; exec sleep 300'\n";
    hooks += "  " + point + ": at_" + point + "\n";
  }
  world.write_recipe(tasks + hooks);
  int version = 0;
  world.write_app("0");
  REQUIRE(world.deploy({"production"}).status == 0);
  for (const auto& point : some_of(points, 3)) {
    INFO("killed in " << point);
    world.write_app(std::to_string(++version));
    const std::string before = world.host(0).live();
    Running running = world.start({"production", "--set", "stop_at=" + point});
    std::vector<pid_t> pids;
    for (const auto& host : world.hosts()) {
      const auto file = world / ("pid." + host.name());
      REQUIRE(eventually([&] { return std::filesystem::exists(file) && std::filesystem::file_size(file) > 1; },
                         std::chrono::seconds(60)));
      pids.push_back(static_cast<pid_t>(std::stol(world.read("pid." + host.name()))));
      std::filesystem::remove(file);
    }
    running.signal(SIGKILL);
    REQUIRE(running.wait().status == 128 + SIGKILL);
    for (const pid_t pid : pids) REQUIRE(gone(pid));
    REQUIRE(world.broken_invariants(true).empty());
    check_status(world);
    const bool switched = point.ends_with("_publish") ? point == "after_publish" : point.ends_with("_prune");
    for (const auto& host : world.hosts()) REQUIRE((host.live() != before) == switched);
    const Ran again = world.deploy({"production"});
    INFO(again);
    REQUIRE(again.status == 0);
    for (const auto& host : world.hosts()) {
      REQUIRE(host.version() == std::to_string(version));
      REQUIRE(host.live() == world.host(0).live());
    }
    REQUIRE(world.broken_invariants().empty());
    check_status(world);
    REQUIRE(world.left_in_cache().empty());  // the spool has no name
  }
  for (const auto& host : world.hosts()) REQUIRE(host.releases().size() <= 3);
}

TEST_CASE("a rollback is killed behind its switch and a deploy follows, or is killed there, too: no later rollback goes to what had been rolled back from") {
  const Never never;
  const bool deploy_is_killed = GENERATE(false, true);
  World world({.hosts = 2});
  world.write_recipe("vars: {hold: 'no'}\ntasks:\n  wait: '[ \"$hold\" = yes ] || exit 0; echo $$ >" + (world / "pid").string() +
                     ".$HOST; exec " + never.command() + "'\nhooks: {after_publish: wait}\n");
  std::vector<std::string> ids;
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
    ids.push_back(world.host(0).live());
  }
  const auto killed_behind_its_switch = [&](std::vector<std::string> command) {
    command.insert(command.end(), {"--lock-wait", "1m", "--set", "hold=yes"});
    Running running = world.start(command);
    std::vector<pid_t> pids;
    for (const auto& host : world.hosts()) {
      const auto file = world / ("pid." + host.name());
      REQUIRE(eventually([&] { return std::filesystem::exists(file) && std::filesystem::file_size(file) > 1; }, std::chrono::seconds(60)));
      pids.push_back(static_cast<pid_t>(std::stol(world.read("pid." + host.name()))));
      std::filesystem::remove(file);
    }
    running.signal(SIGKILL);
    REQUIRE(running.wait().status == 128 + SIGKILL);
    for (const pid_t pid : pids) REQUIRE(gone(pid));
  };
  killed_behind_its_switch({"rollback", "production"});
  for (const auto& host : world.hosts()) REQUIRE(host.live() == ids[0]);
  world.write_app("3");
  if (deploy_is_killed) {
    killed_behind_its_switch({"production"});
  } else {
    REQUIRE(world.deploy({"production", "--lock-wait", "1m"}).status == 0);
  }
  for (const auto& host : world.hosts()) {
    REQUIRE(host.version() == "3");
    REQUIRE(host.state(ids[1]) == "bad");
  }
  const Ran back = world.deploy({"rollback", "production", "--lock-wait", "1m"});
  INFO(back);
  REQUIRE(back.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.live() == ids[0]);
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}

TEST_CASE(
    "the program is killed in the midst of an upload: the release never becomes one, and is removed by the next") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  REQUIRE(
      run_program({"/bin/sh", "-c", "head -c 40000000 /dev/urandom >\"$1\"", "sh", (world.site() / "app/big").string()})
          .status == 0);
  world.write_manifest();
  Relay& relay = world.relay(1);
  relay.delay(std::chrono::milliseconds(20));
  world.write_recipe();
  for (const std::uint64_t at : {200'000U, 10'000'000U}) {
    const std::uint64_t from = relay.bytes_up();
    Running running = world.start({"production"});
    REQUIRE(eventually([&] { return relay.bytes_up() - from > at; }, std::chrono::seconds(60)));
    running.signal(SIGKILL);
    running.wait();
    for (const auto& host : world.hosts()) {
      REQUIRE(host.live() == first);
      for (const auto& release : host.releases()) REQUIRE((host.state(release) == "good") == (release == first));
    }
    REQUIRE(world.broken_invariants(true).empty());
    check_status(world);
  }
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.version() == "2");
    REQUIRE(host.releases().size() == 2);
  }
  REQUIRE(world.broken_invariants().empty());
  check_status(world);
}

TEST_CASE("a task of this machine ends with the program, with its children, however that ends") {
  const Never never;
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {wait: {run: 'trap \"\" TERM; " + never.command() + " & echo $$ $! >pids.new; mv pids.new pids; wait', local: true}}\nhooks: {build: wait}\n");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return std::filesystem::exists(world.site() / "pids"); }, std::chrono::seconds(60)));
  std::istringstream pids(world.read("site/pids"));
  pid_t shell = 0, child = 0;
  pids >> shell >> child;
  REQUIRE(child > 0);
  if (GENERATE(true, false)) {
    running.signal(SIGKILL);
  } else {  // two signals; what comes within 200 ms of the first counts as the same
    REQUIRE(eventually([&] {
      running.signal(SIGINT);
      return running.has_ended();
    }));
  }
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE((ran.status == 128 + SIGKILL || ran.status == 130));
  REQUIRE(gone(shell));
  REQUIRE(gone(child));
  REQUIRE(world.broken_invariants(true).empty());
}
