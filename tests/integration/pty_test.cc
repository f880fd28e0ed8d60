// Tasks with `pty`: what they see of their terminal, on every kind of host, and how they end.
#include <chrono>
#include <csignal>

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Matches;

namespace {

// Says what it is at, asks twice, and fails where it has no terminal.
constexpr std::string_view look =
    "tasks:\n  look:\n    pty: true\n    run: |\n"
    "      test -t 0 && test -t 1 && test -t 2\n"
    "      : >/dev/tty\n"
    "      echo \"at a terminal: TERM=$TERM, $COLOUR, $TOKEN\" >&2\n"
    "      read answer || echo 'nobody types'\n"
    "      cat\n"
    "      echo \"$0 in ${PWD##*/}\"\n"
    "hooks: {build: look}\nenv: {COLOUR: blue}\nsecrets: {TOKEN: {env: TOKEN}}\n";

std::vector<std::string> deploy_by(const std::string& transport) { return {"production", "--set", "ssh.transport=" + transport}; }

void looks_around(World& world, const std::string& transport = "libssh2") {
  world.environment.emplace_back("TOKEN=a-secret-value");
  world.write_app("1");
  world.write_recipe(look);
  for (int i = 0; i < 2; ++i) {  // the second one at once: the channel for the payload is on its way
    const Ran ran = world.deploy(deploy_by(transport));
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.out, ContainsSubstring("at a terminal: TERM=dumb, blue, ***\n"));
    REQUIRE_THAT(ran.out, ContainsSubstring("nobody types\n"));
    REQUIRE_THAT(ran.out, !ContainsSubstring("kirikae"));
  }
  REQUIRE(world.host(0).releases().size() == 2);
}

}  // namespace

TEST_CASE("a task with pty has a terminal at which nobody types") {
  World world({.hosts = 3});
  looks_around(world);
}

TEST_CASE("a task with pty has the recipe's PATH, in which nothing of ours has to be") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {look: {pty: true, run: 'test -t 1; echo \"PATH is $PATH\"'}}\nhooks: {build: look}\nenv: {PATH: /nowhere}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("PATH is /nowhere\n"));
}

TEST_CASE("a task with pty has a terminal by the system's ssh too, also where the host opens one channel for each connection", "[slow]") {
  const auto lines = GENERATE(values<std::vector<std::string>>({{}, {"MaxSessions 1"}}));
  World world({.sshd_config = lines});
  looks_around(world, "openssh");
}

TEST_CASE("a task with pty has a terminal whatever the login shell is", "[slow]") {
  for (const auto& shell : some_of(std::vector<std::string>{"bash", "zsh", "fish", "tcsh", "ksh", "mksh"}, 2)) {
    if (is_skipped(!installed(shell), shell + " is not installed")) continue;
    INFO(shell);
    World world({.login_shell = shell});
    looks_around(world);
  }
}

// At a terminal bash's `read` takes more than a line, and each shell has its own idea of jobs.
TEST_CASE("a task with pty has a terminal whatever /bin/sh is", "[slow]") {
  if (is_skipped_without_mounts()) return;
  for (const auto& shell : some_of(std::vector<std::string>{"bash", "ksh", "mksh", "posh"}, 2)) {
    if (is_skipped(!installed(shell), shell + " is not installed")) continue;
    INFO(shell);
    World world({.replaced = {{"/bin/sh", "/bin/" + shell}}});
    looks_around(world);
  }
}

TEST_CASE("a task with pty has a terminal on dropbear, and on tinysshd, by a connection of its own", "[slow]") {
  if (is_skipped(!can_replace_files(), "a server that looks for keys at home needs root and the right to mount")) return;
  for (const auto kind : {SmallServer::Kind::dropbear, SmallServer::Kind::tinysshd}) {
    if (is_skipped(!SmallServer::is_installed(kind), "the server's package is not installed")) continue;
    INFO((kind == SmallServer::Kind::dropbear ? "dropbear" : "tinysshd"));
    World world({.login_shell = "/bin/sh", .small_server = kind});
    looks_around(world);
  }
}

TEST_CASE("where a host gives no terminal, only tasks with pty fail, and say so") {
  for (const std::string transport : {"libssh2", "openssh"}) {
    INFO(transport);
    World world({.sshd_config = {"PermitTTY no"}});
    world.write_app("1");
    REQUIRE(world.deploy(deploy_by(transport)).status == 0);
    world.write_app("2");
    world.write_recipe("tasks: {look: {run: tty, pty: true}}\nhooks: {build: look}\n");
    const Ran ran = world.deploy(deploy_by(transport));
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("PermitTTY in sshd_config") && ContainsSubstring("or remove 'pty'"));
    CHECK(world.host(0).version() == "1");
  }
}

TEST_CASE("a task with pty says how it ended") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {fail: {run: 'echo last words; exit 7', pty: true}}\nhooks: {build: fail}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("ended with status 7"));
  CHECK_THAT(ran.out, ContainsSubstring("last words"));
}

TEST_CASE("a task with pty that takes too long, or loses its client, is ended there with all that it has started", "[slow]") {
  for (const std::string transport : {"libssh2", "openssh"}) {
    INFO(transport);
    World world;
    world.write_app("1");
    const Never never;
    const auto recipe = [&](const std::string& timeout) {
      world.write_recipe("tasks: {stay: {run: \"trap '' TERM HUP; echo here; " + never.command() + " & " +
                         never.command() + "\", pty: true" + timeout + "}}\nhooks: {build: stay}\n");
    };
    recipe(", timeout: 1s");
    const Ran ran = world.deploy(deploy_by(transport));
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, Matches("[^]*took longer than 1[.][0-9] s; it was ended there[^]*"));
    CHECK(processes_with(never.path()).empty());

    recipe("");
    Running running = world.start(deploy_by(transport));
    REQUIRE(eventually([&] { return processes_with(never.path()).size() == 2; }));
    running.signal(SIGKILL);
    running.wait();
    CHECK(eventually([&] { return processes_with(never.path()).empty(); }, std::chrono::seconds(40)));
  }
}
