#include <filesystem>

#include "integration/tools.h"
#include "integration/whole_life.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

void with_login_shell(const std::string& program, const std::string& words) {
  if (!installed(program)) {
    WARN(program << " is not installed");
    return;
  }
  World world({.login_shell = words});
  whole_life(world);
}

}  // namespace

TEST_CASE("hosts with login shell bash are deployed to", "[slow]") { with_login_shell("bash", "/bin/bash"); }
TEST_CASE("hosts with login shell dash are deployed to", "[slow]") { with_login_shell("dash", "/bin/dash"); }
TEST_CASE("hosts with login shell busybox ash are deployed to", "[slow]") { with_login_shell("busybox", "busybox ash"); }
TEST_CASE("hosts with login shell zsh are deployed to") { with_login_shell("zsh", "zsh"); }
TEST_CASE("hosts with login shell ksh are deployed to", "[slow]") { with_login_shell("ksh", "ksh"); }
TEST_CASE("hosts with login shell fish are deployed to") { with_login_shell("fish", "fish"); }
TEST_CASE("hosts with login shell tcsh are deployed to") { with_login_shell("tcsh", "tcsh"); }

TEST_CASE("rc files that print, that wait for input and that fail disturb nothing") {
  const std::string noise =
      "echo 'Welcome to *** $HOST ***'; echo 'last login: never' >&2; printf 'no newline'\nfalse\n";
  // bash reads .bashrc where it thinks that sshd has started it.
  World world({.login_shell = "/bin/bash",
               .home = {{".bashrc", noise + "read -r -t 1 nothing </dev/null\n"}, {".profile", noise}}});
  // And that show what is run.
  const std::string shown = GENERATE("", "echo \"audit: $*\"\nset -x\n");
  world.write("../enter", "#!/bin/bash\nsource ~/.bashrc\n" + shown + "exec /bin/bash \"$@\"\n", 0755);
  whole_life(world);
}

TEST_CASE("a host whose rc files leave no standard error runs commands all the same, and shows what else they print") {
  World world;
  world.write("../enter", "#!/bin/bash\nexec 2>&-\nexec /bin/bash \"$@\"\n", 0755);
  const Ran ran = world.deploy({"run", "production", "--", "echo hi; echo unseen >&2"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("] hi\n"));
}

TEST_CASE("a host that has nothing but busybox is deployed to") {
  if (!installed("busybox")) return;
  const TempDir applets;
  tools_of_busybox(applets);
  World world({.hosts = 2, .login_shell = "busybox ash", .path = applets.path().string()});
  whole_life(world);
}

TEST_CASE("where one host has no zstd, all get gzip; where one has neither, plain tar", "[slow]") {
  if (!installed("zstd")) return;
  const TempDir no_zstd, neither;
  tools_without(no_zstd, "*zstd*");
  tools_without(neither, "*zstd*|gzip|gunzip|zcat|uncompress|pigz");
  World world({.hosts = 2});
  const auto poor = [&](const TempDir& tools) { give_second_host(world, tools); };
  world.write_app("1");
  Ran plan = world.deploy({"plan", "production"});
  INFO(plan);
  REQUIRE_THAT(plan.out, ContainsSubstring("packed as zstd"));
  poor(no_zstd);
  plan = world.deploy({"plan", "production"});
  REQUIRE_THAT(plan.out, ContainsSubstring("packed as gzip"));
  const Ran gzip = world.deploy({"production"});
  INFO(gzip);
  REQUIRE(gzip.status == 0);
  REQUIRE(world.broken_invariants().empty());
  poor(neither);
  world.write_app("2");
  plan = world.deploy({"plan", "production"});
  REQUIRE_THAT(plan.out, ContainsSubstring("packed as plain tar"));
  const Ran plain = world.deploy({"production"});
  INFO(plain);
  REQUIRE(plain.status == 0);
  REQUIRE(world.host(1).version() == "2");
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a host without a tool that is needed is told in preflight, and nothing is written") {
  const TempDir tools;
  tools_without(tools, "tar");
  World poor({.path = tools.path().string()});
  poor.write_app("1");
  const Ran ran = poor.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("'tar'"));
  REQUIRE(poor.host(0).untouched());
}

TEST_CASE("a host without sudo is told in preflight where a task becomes another user there, and nothing is written anywhere") {
  if (is_skipped(!installed("sudo"), "sudo is not installed")) return;
  const TempDir tools;
  tools_without(tools, "sudo");
  World world({.hosts = 2});
  give_second_host(world, tools);
  world.write_app("1");
  const auto write_recipe = [&](const std::string& role) {
    world.write_recipe("tasks: {other: {run: 'true', become: root, roles: " + role + "}}\nhooks: {failed: other}\n",
                       "[{address: 127.0.0.1, roles: app}, {address: 127.0.0.2, roles: db}]");
  };
  write_recipe("db");
  Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("error: [127.0.0.2] there is no 'sudo' here, which 'become' of the task 'other' needs: install it\n"));
  CHECK_THAT(ran.err, !ContainsSubstring("[127.0.0.1]"));
  CHECK_THAT(ran.out, ContainsSubstring("1 of 2 hosts are ready for a deploy: 127.0.0.1\n"));
  ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("there is no 'sudo' here"));
  for (const auto& host : world.hosts()) CHECK(host.untouched());
  write_recipe("app");
  ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 0);
}
