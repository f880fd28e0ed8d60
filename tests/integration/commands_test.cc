#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool connected_to(const World& world) { return world.sshd().log().find("Connection from") != std::string::npos; }

}  // namespace

TEST_CASE("errors in the recipe are all told with file, line and column, exit 2, and no host is connected to") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe("keep_relases: 3\nshared: {files: [../../etc/passwd]}\n",
                     "[\"web[3-1].example.com\", {address: db1, role: [db]}]");
  for (const char* verb : {"deploy", "rollback", "plan", "releases", "check", "status", "audit", "diff", "prune", "trust", "config"}) {
    const Ran ran = world.deploy({verb, "production"});
    INFO(ran);
    REQUIRE(ran.status == 2);
    REQUIRE_THAT(ran.err, ContainsSubstring("deploy.yml:10:1") && ContainsSubstring("keep_releases"));
    REQUIRE_THAT(ran.err, ContainsSubstring("deploy.yml:11:18") && ContainsSubstring(".."));
    REQUIRE_THAT(ran.err, ContainsSubstring("deploy.yml:14:52") && ContainsSubstring("roles"));
    REQUIRE_THAT(ran.err,
                 ContainsSubstring("deploy.yml:14:13") && ContainsSubstring("[3-1]") && ContainsSubstring("^"));
  }
  REQUIRE_FALSE(connected_to(world));
}

TEST_CASE("a source that is not there is told before any host is connected to") {
  World world;
  std::filesystem::remove_all(world.site() / "app");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("app"));
  REQUIRE_FALSE(connected_to(world));
}

TEST_CASE("Options --hosts, --roles and --exclude choose hosts; the others keep what they have and are named") {
  World world({.hosts = 4});
  world.write_app("1");
  world.write_recipe("",
                     "[{address: 127.0.0.1, roles: [app]}, {address: 127.0.0.2, roles: [app]}, {address: 127.0.0.3, "
                     "roles: [db]}, 127.0.0.4]");
  Ran ran = world.deploy({"production", "--roles", "app,db", "--exclude", "127.0.0.2"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).version() == "1");
  REQUIRE(world.host(1).untouched());
  REQUIRE(world.host(2).version() == "1");
  REQUIRE(world.host(3).untouched());
  REQUIRE_THAT(ran.err, ContainsSubstring("warning: not selected") && ContainsSubstring(": 127.0.0.2 127.0.0.4\n"));
  ran = world.deploy({"production", "--hosts", "*.4"});
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(3).version() == "1");
  REQUIRE(world.host(1).untouched());
  for (const auto& wrong : {std::vector<std::string>{"production", "--hosts", "127.0.1.*"},
                            {"production", "--roles", "ap"},
                            {"production", "--exclude", "127.0.0.*"}}) {
    const Ran none = world.deploy(wrong);
    INFO(none);
    REQUIRE(none.status == 2);
  }
}

TEST_CASE("Option --set changes keys and vars of the recipe for one run") {
  World world;
  world.write_recipe("vars: {who: nobody}\ntasks: {say: 'echo $who >said'}\nhooks: {build: say}\nkeep_releases: 5\n");
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production", "--set", "who=ada", "--set", "keep_releases=1"});
    INFO(ran);
    REQUIRE(ran.status == 0);
  }
  REQUIRE(world.host(0).read("current/said") == "ada\n");
  REQUIRE(world.host(0).releases().size() == 2);  // the live one, and the one to go back to
  world.write_app("3");
  REQUIRE(world.deploy({"production", "--set", "keep_releases=1"}).status == 0);
  REQUIRE(world.host(0).releases().size() == 2);
  REQUIRE(world.host(0).read("current/said") == "nobody\n");
}

TEST_CASE("the recipe is found from a folder below it, and its paths count from where it lies") {
  World world;
  world.write_app("1");
  world.write("deep/er/here", "");
  world.working_folder = world.site() / "deep/er";
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).version() == "1");
  world.working_folder = world / "home";
  const Ran lost = world.deploy({"production"});
  INFO(lost);
  REQUIRE(lost.status == 2);
  const Ran named = world.deploy({"production", "--recipe", (world.site() / "deploy.yml").string()});
  REQUIRE(named.status == 0);
}

TEST_CASE("a stage that wants to be confirmed is not deployed to where nobody can be asked; --yes answers") {
  World world;
  world.write_app("1");
  world.write_recipe("confirm: true\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("--yes"));
  REQUIRE_FALSE(connected_to(world));
  REQUIRE(world.deploy({"plan", "production"}).status == 0);
  REQUIRE(world.deploy({"production", "--yes"}).status == 0);
  REQUIRE(world.host(0).version() == "1");
}

TEST_CASE("what 'init' writes is a recipe, and with a host and a source filled in it deploys") {
  World world;
  world.write_app("1");
  std::filesystem::remove(world.site() / "deploy.yml");
  Ran ran = world.deploy({"init", "shop"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const Ran again = world.deploy({"init"});
  REQUIRE(again.status != 0);  // what is there is left alone
  const std::string starter = world.read("site/deploy.yml");
  const auto stage = starter.find("\nstages:");
  REQUIRE(stage != std::string::npos);
  const auto name = starter.find("\n  ", stage) + 3;
  const std::string first = starter.substr(name, starter.find(':', name) - name);
  const Ran config = world.deploy({"config", first});
  INFO(config);
  REQUIRE(config.status == 0);
  REQUIRE_THAT(config.out, ContainsSubstring("application: shop"));
  REQUIRE_FALSE(connected_to(world));
}

TEST_CASE("what 'config' prints is a recipe that does the same") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(
      "vars: {a: \"x: # 'y'\"}\nshared: {directories: [log]}\ntasks: {say: 'echo \"$a\" >said'}\nhooks: {build: "
      "[say]}\nkeep_releases: 3\n");
  const Ran config = world.deploy({"config", "production"});
  INFO(config);
  REQUIRE(config.status == 0);
  world.write("printed.yml", config.out);
  const Ran same = world.deploy({"config", "production", "--recipe", "printed.yml"});
  INFO(same);
  if (same.status == 0) REQUIRE(same.out == config.out);
  REQUIRE_THAT(config.out, ContainsSubstring("deploy_to: " + world.deploy_to()));
}

TEST_CASE("Option -q prints errors and the end only; -v names every step") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {say: 'echo something'}\nhooks: {build: say}\n");
  const Ran quiet = world.deploy({"production", "-q"});
  INFO(quiet);
  REQUIRE(quiet.status == 0);
  REQUIRE(quiet.out.find("something") == std::string::npos);
  REQUIRE_THAT(quiet.out, ContainsSubstring("deploy shop to production: done"));
  const Ran verbose = world.deploy({"production", "-v"});
  INFO(verbose);
  REQUIRE_THAT(verbose.out,
               ContainsSubstring("unpack") && ContainsSubstring("publish") && ContainsSubstring("something"));
}
