// Tasks as another user on a whole run, by the system's sudo: for root, who may always ask for it. How sudo is spoken to, and what comes of
// passwords, is in tests/host/become_test.cc.
#include <unistd.h>

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
