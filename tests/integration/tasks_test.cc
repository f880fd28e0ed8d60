#include <signal.h>

#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"
#include "support/memory.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

// The pid that a hook has written into a file of shared/.
pid_t noted_pid(const FarmHost& host, const std::string& file) {
  return host.exists("shared/" + file)
             ? static_cast<pid_t>(std::strtol(host.read("shared/" + file).c_str(), nullptr, 10))
             : 0;
}

}  // namespace

TEST_CASE("tasks run by role, once on the primary, or on this machine") {
  World world({.hosts = 3});
  world.write_app("1");
  world.write_recipe(R"(tasks:
  everywhere: 'echo everywhere >>"$SHARED_PATH/ran"'
  app_only: {run: 'echo app_only >>"$SHARED_PATH/ran"', roles: [app]}
  migrate: {run: 'echo migrate in $(basename "$PWD") >>"$SHARED_PATH/ran"', roles: [db], once: true, dir: config}
  first: {run: 'echo first >>"$SHARED_PATH/ran"', once: true}
  here: {run: 'echo "$PWD $RELEASE $HOST$ROLES" >here; pwd >>here', local: true, dir: app}
hooks: {build: [everywhere, app_only, migrate, first, here]}
)",
                     "[{address: 127.0.0.1, roles: [app]}, {address: 127.0.0.2, roles: [app, db]}, {address: "
                     "127.0.0.3, roles: [db], primary: true}]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).read("shared/ran") == "everywhere\napp_only\n");
  REQUIRE(world.host(1).read("shared/ran") == "everywhere\napp_only\n");
  REQUIRE(world.host(2).read("shared/ran") == "everywhere\nmigrate in config\nfirst\n");
  const std::string app = (world.site() / "app").string();
  REQUIRE(world.read("site/app/here") == app + " " + world.host(0).live() + " \n" + app + "\n");

  const Ran nowhere = world.deploy({"production", "--hosts", "127.0.0.1"});
  INFO(nowhere);
  REQUIRE(nowhere.status == 2);
  REQUIRE_THAT(nowhere.err, ContainsSubstring("task 'migrate'"));
  REQUIRE(world.host(0).releases().size() == 1);
}

TEST_CASE("a local task that fails before the switch stops the deploy; nothing is switched") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "tasks: {check: {run: 'echo no good >&2; exit 4', local: true}}\nhooks: {before_publish: check}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("task check (on this machine) ended with status 4"));
  REQUIRE_THAT(ran.err, ContainsSubstring("no good"));
  REQUIRE(world.host(0).live().empty());
  REQUIRE(world.host(0).state(world.host(0).releases().front()) == "failed");
}

TEST_CASE("a before_connect task that fails ends the run before any host is connected to") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {check: {run: 'exit 1', local: true}}\nhooks: {before_connect: check}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("a before_connect task may make the source") {
  World world;
  world.write_recipe(R"(source: {directory: built}
tasks: {make: {run: 'mkdir built && echo made >built/file', local: true}}
hooks: {before_connect: make}
)");
  for (const char* verb : {"plan", "diff"}) {
    const Ran looked = world.deploy({verb, "production"});
    INFO(looked);
    CHECK(looked.status == 2);
    CHECK_THAT(looked.err, ContainsSubstring("a before_connect task may make it, which only a deploy runs; to have it now: deploy task production make\n"));
  }
  REQUIRE(world.deploy({"task", "production", "make"}).status == 0);
  CHECK_THAT(world.deploy({"plan", "production"}).out, ContainsSubstring("run here       make (connect, on this machine, once)\n"));
  std::filesystem::remove_all(world.site() / "built");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).read("current/file") == "made\n");
}

TEST_CASE("a task that takes longer than its timeout is killed on the host with all its children") {
  World world;
  world.write_app("1");
  world.write_recipe(R"(tasks:
  slow: {run: 'trap "" TERM; sh -c "trap : TERM; sleep 300; sleep 300" & echo $! >"$SHARED_PATH/child"; echo $$ >"$SHARED_PATH/pid"; sleep 300; wait', timeout: 1s}
hooks: {build: slow}
)");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("task slow"));
  REQUIRE(ran.seconds < 30);
  const pid_t pid = noted_pid(world.host(0), "pid"), child = noted_pid(world.host(0), "child");
  REQUIRE(pid > 0);
  REQUIRE(child > 0);
  REQUIRE(eventually([&] { return !alive(pid) && !alive(child); }));
  REQUIRE(world.host(0).live().empty());
  REQUIRE(world.host(0).state(world.host(0).releases().front()) == "failed");
}

TEST_CASE("a task that a signal ends has failed, and the message names the signal") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {crash: 'kill -SEGV $$'}\nhooks: {build: crash}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("task crash ended with status 139 (as by signal SEGV)"));
  REQUIRE(world.host(0).live().empty());
}

TEST_CASE("every command of a task must succeed, not only the last") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {two: \"false\\ntrue\"}\nhooks: {build: two}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE(world.host(0).live().empty());
}

TEST_CASE("a task that prints 100 MB on both streams neither stalls nor grows the program", "[slow]") {
  World world;
  world.write_app("1");
  world.write_recipe(R"(tasks:
  chatter: {run: 'yes "a line of noise that is fifty bytes long, it is said" | head -c 100000000; head -c 3000000 /dev/zero | tr "\0" e >&2', timeout: 2m}
hooks: {build: chatter}
)");
  const Ran ran = world.deploy({"production", "-q"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).version() == "1");
  REQUIRE(ran.peak_kilobytes < memory_limit(64 * 1024));
}

TEST_CASE("a task that reads standard input meets its end at once") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(
      "tasks: {read: {run: 'if read line; then exit 7; fi; cat; wc -c >got', timeout: 20s},\n"
      "        read_here: {run: 'if read line; then exit 7; fi', local: true, timeout: 20s}}\n"
      "hooks: {build: [read, read_here]}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(1).read("current/got") == "0\n");
}

TEST_CASE("a daemon that a task leaves behind doesn't hold up the deploy, and lives on") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "tasks: {start: {run: 'setsid sh -c \"echo started; exec sleep 300\" & echo $! >\"$SHARED_PATH/daemon\"', "
      "timeout: 20s}, after: 'echo after >>\"$SHARED_PATH/order\"'}\n"
      "hooks: {after_publish: [start, after]}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.seconds < 20);
  REQUIRE(world.host(0).read("shared/order") == "after\n");
  const pid_t daemon = noted_pid(world.host(0), "daemon");
  REQUIRE(daemon > 0);
  REQUIRE(alive(daemon));
}

TEST_CASE("what a task prints is shown with its host, harmless for a terminal") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "tasks: {paint: 'printf \"\\033]0;owned\\007plain \\033[31mred\\033[0m \\200\\n\"; printf \"no "
      "newline\"'}\nhooks: {build: paint}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out.find('\033') == std::string::npos);
  REQUIRE(ran.out.find('\007') == std::string::npos);
  REQUIRE_THAT(ran.out, ContainsSubstring("[127.0.0.1] plain red"));
  REQUIRE_THAT(ran.out, ContainsSubstring("[127.0.0.1] no newline\n"));
}

TEST_CASE("hooks run in their order around the phases, each on all hosts before the next") {
  World world({.hosts = 2});
  world.write_app("1");
  std::string tasks = "tasks:\n", hooks = "hooks:\n";
  for (const char* point :
       {"after_connect", "before_upload", "after_upload", "before_link", "after_link", "before_build", "build",
        "after_build", "before_publish", "after_publish", "before_prune", "after_prune"}) {
    tasks += std::string("  t_") + point + ": 'echo " + point + " >>" + (world / "order").string() + "'\n";
    hooks += std::string("  ") + point + ": t_" + point + "\n";
  }
  world.write_recipe(tasks + hooks);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string both =
      "after_connect\nafter_connect\nbefore_upload\nbefore_upload\nafter_upload\nafter_upload\nbefore_link\nbefore_"
      "link\n"
      "after_link\nafter_link\nbefore_build\nbefore_build\nbuild\nbuild\nafter_build\nafter_build\nbefore_publish\n"
      "before_publish\nafter_publish\nafter_publish\nbefore_prune\nbefore_prune\nafter_prune\nafter_prune\n";
  REQUIRE(world.read("order") == both);
}

TEST_CASE("values and commands never stand in an argv on the host") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "vars: {token: s3cr3t-v4lue}\n"
      "tasks: {look: {run: 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr \"\\0\" \" \" >all; : marker-in-the-text', "
      "timeout: 60s}}\nhooks: {build: look}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string all = world.host(0).read("current/all");
  REQUIRE(all.find("sshd") != std::string::npos);  // it has seen processes
  REQUIRE(all.find("s3cr3t-v4lue") == std::string::npos);
  REQUIRE(all.find("marker-in-the-text") == std::string::npos);
}
