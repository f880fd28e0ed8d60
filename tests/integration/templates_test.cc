// Templates on real hosts.

#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"
#include "support/file_mode.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a template is rendered for each host, before the build and before the shared files are linked") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write("t/app.conf", "listen {{HOST}}:{{port}} # {{weight}}\nrelease {{RELEASE}} of {{REVISION}}\n"
                            "{{#hosts}}\npeer {{name}}\n{{/hosts}}\nkey = {{json.API_KEY}}\n");
  world.write("t/env", "KEY={{shell.API_KEY}}\n");
  const std::string more = R"(vars: {port: 8080}
secrets: {API_KEY: {env: API_KEY}}
shared: {files: [.env]}
templates:
  - {from: t/app.conf, to: config/app.conf}
  - {from: t/env, to: .env, mode: "0600", shared: true}
tasks: {build: '. ./.env; test "$KEY" = "$API_KEY"; grep -c peer config/app.conf >"$SHARED_PATH/count"'}
hooks: {build: build}
)";
  const std::string hosts = "[{address: 127.0.0.1, vars: {weight: 1}}, {address: 127.0.0.2, vars: {weight: 2}}]";
  world.write_recipe(more, hosts);
  world.environment = {"API_KEY=it's a \"secret\""};
  const Ran plan = world.deploy({"plan", "production"});
  INFO(plan);
  REQUIRE(plan.status == 0);
  CHECK_THAT(plan.out, ContainsSubstring("template       shared/.env (0600) from t/env"));
  CHECK_THAT(plan.out, ContainsSubstring("template       config/app.conf (0640) from t/app.conf"));
  CHECK(world.host(0).untouched());

  const Ran ran = world.deploy({"production", "--revision", "r7"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (std::size_t i = 0; i < 2; ++i) {
    const FarmHost& host = world.host(i);
    CHECK(host.read("current/config/app.conf") == "listen " + host.name() + ":8080 # " + std::to_string(i + 1) + "\nrelease " +
                                                      host.live() + " of r7\npeer 127.0.0.1\npeer 127.0.0.2\nkey = \"it's a \\\"secret\\\"\"\n");
    CHECK(host.read("shared/.env") == "KEY='it'\\''s a \"secret\"'\n");
    CHECK(host.read("shared/count") == "2\n");
    CHECK(mode_of(host / "current/config/app.conf") == 0640);
    CHECK(mode_of(host / "shared/.env") == 0600);
  }
  // A selection doesn't change what the others are told of the stage.
  const Ran one = world.deploy({"production", "--hosts", "127.0.0.2"});
  INFO(one);
  REQUIRE(one.status == 0);
  CHECK_THAT(world.host(1).read("current/config/app.conf"), ContainsSubstring("peer 127.0.0.1\npeer 127.0.0.2\n"));
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("what is wrong with templates is told before any host is connected to, all at once") {
  World world;
  world.write_app("1");
  world.write("a.conf", "x\n{{prot}}\n");
  world.write("b.conf", "{{KEY}}\n");
  world.write_recipe(R"(vars: {port: 8080}
secrets: {KEY: {env: KEY}}
source: {directory: nowhere}
templates:
  - {from: missing.conf, to: m}
  - {from: a.conf, to: a}
  - {from: b.conf, to: b, mode: "0644"}
)");
  world.environment = {"KEY=two\nlines"};
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("missing.conf': No such file or directory"));
  CHECK_THAT(ran.err, ContainsSubstring("a.conf:2:1: nothing is named 'prot'"));
  CHECK_THAT(ran.err, ContainsSubstring("did you mean 'port'?"));
  CHECK_THAT(ran.err, ContainsSubstring("names a secret, and its mode is 0644"));
  CHECK_THAT(ran.err, ContainsSubstring("b.conf:1:1: the value of 'KEY' has a line break"));
  CHECK_THAT(ran.err, ContainsSubstring("nowhere"));
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("a payload's link in a template's way fails the host, and nothing is switched") {
  World world;
  world.write_app("1");
  std::filesystem::create_directory_symlink("/tmp", world.site() / "app/out");
  world.write("t", "x\n");
  const std::string templates = "templates: [{from: t, to: out/kirikae-template-test}]\n";
  world.write_recipe(templates);
  Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("'out/kirikae-template-test' is a template's result, and the source has a link 'out'"));
  // Where a task may have replaced it before, the host looks.
  world.write_recipe(templates + "tasks: {mend: 'true'}\nhooks: {before_link: mend}\n");
  ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("is a symbolic link"));
  CHECK(world.host(0).live().empty());
  CHECK_FALSE(std::filesystem::exists("/tmp/kirikae-template-test"));
}
