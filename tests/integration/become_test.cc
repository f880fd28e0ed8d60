// Tasks as another user on a whole run, by the system's sudo: for root, who may always ask for it, and who may make an account that has to
// give a password. How sudo is spoken to is in tests/host/become_test.cc.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "support/account.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"
#include "support/process_watch.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Matches;

namespace {

bool lacks_sudo() { return is_skipped(::geteuid() != 0 || !installed("sudo"), "sudo lets nobody but root run what it likes without a rule"); }

}  // namespace

TEST_CASE("a task as another user has vars and secrets, is named by the plan, and its secrets are masked") {
  if (lacks_sudo()) return;
  World world;
  world.write_app("1");
  world.write_recipe("vars: {colour: blue}\nsecrets: {KEY: {env: KEY}, SUDO: {env: SUDO}}\nbecome_password: SUDO\n"
                     "tasks: {who: {run: 'echo \"$SUDO_USER in $(basename \"$PWD\"), $colour, $KEY, ${SUDO-none}\"', become: root, dir: pages}}\n"
                     "hooks: {build: who}\n");
  world.environment = {"KEY=a-secret-value", "SUDO=a-password-of-ours"};
  Ran ran = world.deploy({"plan", "production"});
  INFO(ran);
  CHECK_THAT(ran.out, ContainsSubstring("who as root (build)"));
  ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("root in pages, blue, ***, none"));
}

TEST_CASE("a task as another user that takes too long is ended there with all that it has started", "[slow]") {
  if (lacks_sudo()) return;
  World world;
  world.write_app("1");
  const Never never;
  world.write_recipe("tasks: {stay: {run: \"trap '' TERM; " + never.command() + " & " + never.command() + "\", become: root, timeout: 1s}}\nhooks: {build: stay}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, Matches("[^]*took longer than 1[.][0-9] s; it was ended there[^]*"));
  CHECK(processes_with(never.path()).empty());
}

// As old Red Hat systems have it.
TEST_CASE("where sudo insists on a terminal, a task as another user has one by pty, with its environment, and its secrets are masked", "[slow]") {
  if (is_skipped_without_mounts()) return;
  const std::string terminal = GENERATE("use_pty", "!use_pty"), transport = GENERATE("libssh2", "openssh");
  INFO(terminal << " by " << transport);
  const Account account({.sudoers = "Defaults requiretty," + terminal + "\ndeployer ALL=(daemon) ALL\n", .passwords = {{Account::name, "a-password-of-ours"}}});
  World world({.account = &account});
  world.environment = {"KEY=a-secret-value", "SUDO=a-password-of-ours"};
  world.write_app("1");
  const auto deployed = [&](const std::string& pty) {
    world.write_recipe("vars: {colour: blue}\nsecrets: {KEY: {env: KEY}, SUDO: {env: SUDO}}\nbecome_password: SUDO\n"
                       "tasks:\n  who:\n    become: daemon\n    dir: pages" + pty + "\n    run: |\n"
                       "      test -t 0 && test -t 1 && test -t 2\n      : >/dev/tty\n"
                       "      read answer || echo 'nobody types'\n"
                       "      echo \"$(id -un) in ${PWD##*/}, $TERM, $colour, $KEY, ${SUDO-none}\" >&2\n"
                       "hooks: {build: who}\n");
    return world.deploy({"production", "--verbose", "--set", "ssh.transport=" + transport});
  };
  Ran ran = deployed("");
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("sudo wants a terminal here: give the task one ('pty: true')"));
  ran = deployed("\n    pty: true");
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("nobody types\n") && ContainsSubstring("daemon in pages, dumb, blue, ***, none\n"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("a-password-of-ours") && !ContainsSubstring("kk_"));
}

TEST_CASE("a task as another user at a terminal that takes too long, or loses its client, is ended there with all that it has started", "[slow]") {
  if (is_skipped_without_mounts()) return;
  const std::string transport = GENERATE("libssh2", "openssh"), terminal = transport == "libssh2" ? "use_pty" : "!use_pty";
  INFO(terminal << " by " << transport);
  const Account account({.sudoers = "Defaults requiretty," + terminal + "\ndeployer ALL=(root) NOPASSWD: ALL\n"});
  World world({.account = &account});
  world.write_app("1");
  const Never never;
  const auto left = [&] { return processes_with(never.path()); };
  const auto recipe = [&](const std::string& timeout) {
    world.write_recipe("tasks: {stay: {run: \"trap '' TERM HUP; " + never.command() + " & " + never.command() + "\", become: root, pty: true" + timeout + "}}\nhooks: {build: stay}\n");
  };
  const std::vector<std::string> deploy = {"production", "--set", "ssh.transport=" + transport};
  recipe(", timeout: 2s");
  const Ran ran = world.deploy(deploy);
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, Matches("[^]*took longer than 2[.][0-9] s; it was ended there[^]*"));
  CHECK(left().empty());

  recipe("");
  Running running = world.start(deploy);
  REQUIRE(eventually([&] { return left().size() == 2; }, std::chrono::seconds(60)));
  running.signal(SIGKILL);
  running.wait();
  CHECK(eventually([&] { return left().empty(); }, std::chrono::seconds(60)));
}

// With `targetpw` sudo asks for the password of whom the task becomes.
TEST_CASE("each task as another user gives sudo the password that it names, else the recipe's") {
  if (is_skipped_without_mounts()) return;
  const Account account({.sudoers = "Defaults targetpw\ndeployer ALL=(ALL) ALL\n",
                         .passwords = {{"root", "the-password-of-root"}, {"daemon", "the-password-of-daemon"}}});
  World world({.account = &account});
  world.environment = {"ROOT=the-password-of-root", "DAEMON=the-password-of-daemon"};
  world.write_app("1");
  const auto deployed = [&](const std::string& password) {
    world.write_recipe("secrets: {ROOT: {env: ROOT}, DAEMON: {env: DAEMON}}\nbecome_password: ROOT\n"
                       "tasks:\n  first: {run: 'echo \"first: $(id -un) ${ROOT-none} ${DAEMON-none}\"', become: root}\n"
                       "  second: {run: 'echo \"second: $(id -un) ${ROOT-none} ${DAEMON-none}\"', become: daemon" + password + "}\n"
                       "hooks: {build: [first, second]}\n");
    return world.deploy({"production"});
  };
  Ran ran = deployed(", become_password: DAEMON");
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("first: root none none") && ContainsSubstring("second: daemon none none"));
  ran = deployed("");
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("the password is wrong that sudo was given for 'deployer'"));
}

namespace {

// A host whose sudo asks for the password of who logs in, and a recipe that knows it, or another one, from a file.
struct Asking {
  std::string unquoted = "Vq" + std::to_string(::getpid()) + "-pass";  // the part of it that no quoting changes
  std::string password = unquoted + " \\\"word' $x";
  Account account{{.sudoers = "Defaults timestamp_timeout=60\ndeployer ALL=(daemon) PASSWD: ALL\n", .passwords = {{Account::name, password}}}};
  World world{{.account = &account}};

  Asking() { world.write_app("1"); }
  void write_recipe(const std::string& run) const {
    world.write_recipe("secrets: {SUDO: {file: ../key}}\nbecome_password: SUDO\ntasks: {other: {run: " + run + ", become: daemon}}\nhooks: {build: other}\n");
  }
  void tell(const std::string& told) const { world.write("../key", told, 0600); }
  // Every file of the operator and of the host.
  [[nodiscard]] std::string files_with(const std::string& text) const {
    return run_program({"grep", "-rlF", "-e", text, (world / "").string(), account.home(), world.sshd().folder().path().string()}).output;
  }
};

}  // namespace

TEST_CASE("a password that sudo really asks for is told to sudo, and shows up nowhere else") {
  if (is_skipped_without_mounts()) return;
  const Asking asking;
  const World& world = asking.world;
  const Never never;  // until the test writes
  asking.write_recipe("'id -un; env; read -r go <" + never.path() + "'");
  asking.tell(asking.password);
  ProcessWatch watch(asking.unquoted, {""});
  Running running = world.start({"production", "--verbose", "--output", GENERATE("plain", "json")});
  REQUIRE(eventually([&] { return running.has_ended() || running.out().find("daemon") != std::string::npos; }, std::chrono::seconds(60)));
  const long looks = watch.looks();
  CHECK(eventually([&] { return watch.looks() > looks + 1; }, std::chrono::seconds(60)));  // one from its beginning to its end
  std::ofstream(never.path()) << "go\n";
  const Ran ran = running.wait();
  watch.end();
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("SUDO_USER=deployer"));
  CHECK(world.host(0).version() == "1");
  CHECK(watch.seen() == std::set<std::string>());
  CHECK(asking.files_with(asking.unquoted) == (world / "key").string() + "\n");
  const Ran report = world.deploy({"report", "-o", "-"});
  CHECK(report.status == 0);
  CHECK_THAT(ran.out + ran.err + report.out, !ContainsSubstring(asking.unquoted));
}

TEST_CASE("a password that sudo refuses fails the deploy with host, user and what to do, and the release before goes on serving") {
  if (is_skipped_without_mounts()) return;
  const Asking asking;
  const World& world = asking.world;
  asking.write_recipe("'id -un'");
  asking.tell(asking.password);
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string live = world.host(0).live();
  asking.tell("another-password");
  world.write_app("2");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.1]") &&
                          ContainsSubstring("the password is wrong that sudo was given for 'deployer': check the secret that 'become_password' names"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("another-password"));
  CHECK(world.host(0).live() == live);
  CHECK(world.host(0).version() == "1");
  CHECK(world.broken_invariants().empty());
}
