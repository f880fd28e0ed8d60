// Tasks as another user on a whole run, by the system's sudo: for root, who may always ask for it, and who may make an account that has to
// give a password. How sudo is spoken to is in tests/host/become_test.cc.
#include <unistd.h>

#include "support/account.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

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

TEST_CASE("a task as another user that takes too long is ended there with all that it has started") {
  if (lacks_sudo()) return;
  World world;
  world.write_app("1");
  const Never never;
  world.write_recipe("tasks: {stay: {run: \"trap '' TERM; " + never.command() + " & " + never.command() + "\", become: root, timeout: 1s}}\nhooks: {build: stay}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("took longer than 1.0 s; it was ended there"));
  CHECK(processes_with(never.path()).empty());
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
