#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const char* const usual = R"(keep_releases: 2
vars: {app_env: live, port: "8080", said: "it's \"odd\" $HOME `x`"}
shared:
  directories: [log, tmp/pids]
  files: [config/database.yml]
tasks:
  stamp: 'echo "built by $DEPLOY_ACTION" >built.txt'
  note: 'echo "$RELEASE" >>"$SHARED_PATH/log/published"'
hooks:
  build: [stamp]
  after_publish: [note]
)";

void give_shared_file(const World& world) {
  for (const auto& host : world.hosts()) host.write("shared/config/database.yml", "db of " + host.name() + "\n");
}

std::string only_name(const std::vector<std::string>& names) { return names.size() == 1 ? names.front() : "not one"; }

}  // namespace

TEST_CASE("the first deploy puts a complete release on three hosts and makes it live everywhere") {
  World world({.hosts = 3});
  world.write_app("1");
  world.write_recipe(usual);
  give_shared_file(world);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string id = only_name(world.host(0).releases());
  REQUIRE_THAT(ran.out, ContainsSubstring("release " + id));
  for (const auto& host : world.hosts()) {
    INFO(host.name());
    REQUIRE(host.live() == id);
    REQUIRE(std::filesystem::read_symlink(host / "current") == "releases/" + id);
    REQUIRE(host.state(id) == "good");
    REQUIRE(host.version() == "1");
    REQUIRE(host.read("current/built.txt") == "built by deploy\n");
    REQUIRE(host.read("current/REVISION").size() == 65);  // no git here: the payload's sha256
    REQUIRE(host.read("current/config/database.yml") == "db of " + host.name() + "\n");
    const std::string up = "../../..";  // from a folder of a release
    REQUIRE(std::filesystem::read_symlink(host / "current/config/database.yml") ==
            up + "/shared/config/database.yml");
    REQUIRE(std::filesystem::read_symlink(host / "current/tmp/pids") == up + "/shared/tmp/pids");
    REQUIRE(host.read("shared/log/from-payload.log").empty());  // what the payload brought is its first content
    REQUIRE(host.read("shared/log/published") == id + "\n");
    REQUIRE((std::filesystem::status(host / "current/bin/serve").permissions() & std::filesystem::perms::owner_exec) !=
            std::filesystem::perms::none);
    REQUIRE_THAT(ran.out, ContainsSubstring(host.name() + "  switched"));
  }
  REQUIRE(world.host(0).read("current/REVISION") == world.host(2).read("current/REVISION"));
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("the logs on a host tell who deployed what, when, and what was live before") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production", "--revision", "abc123"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  REQUIRE(world.deploy({"production", "--revision", "def456"}).status == 0);
  const std::string second = world.host(0).live();
  REQUIRE(first < second);
  REQUIRE(world.host(0).read("current/REVISION") == "def456\n");
  REQUIRE(world.host(0).read("revisions.log") == "Branch production (at abc123) deployed as release " + first +
                                                     " by ada\n"
                                                     "Branch production (at def456) deployed as release " +
                                                     second + " by ada\n");
  const std::string log = world.host(0).read(".kirikae/log.jsonl");
  INFO(log);
  const std::string last = log.substr(log.find('\n') + 1);
  REQUIRE_THAT(last, ContainsSubstring(R"("action":"deploy","application":"shop","stage":"production","release":")" +
                                       second + R"(","previous":")" + first + R"(","revision":"def456","by":"ada@)"));
  REQUIRE_THAT(last, ContainsSubstring(R"("result":"good"})"));
  REQUIRE_THAT(last, ContainsSubstring(R"({"time":"20)"));
}

TEST_CASE("further deploys keep keep_releases good releases and remove the older ones") {
  World world({.hosts = 2});
  world.write_recipe(usual);
  give_shared_file(world);
  std::vector<std::string> ids;
  for (const char* version : {"1", "2", "3", "4"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    ids.push_back(world.host(0).live());
    REQUIRE(world.host(1).live() == ids.back());
    REQUIRE(world.host(1).version() == version);
  }
  for (const auto& host : world.hosts()) {
    REQUIRE(host.releases() == std::vector<std::string>{ids[2], ids[3]});
    REQUIRE(host.state(ids[0]).empty());
    REQUIRE(host.read("shared/log/published") == ids[0] + "\n" + ids[1] + "\n" + ids[2] + "\n" + ids[3] + "\n");
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a hook sees every value of the run, its vars and its host's own, as they are") {
  World world({.hosts = 2});
  world.write_app("1");
  const std::string hosts =
      "[{address: 127.0.0.1, roles: [app, web], vars: {weight: \"10\", app_env: odd}}, {address: 127.0.0.2, roles: "
      "[db]}]\n"
      "    env: {PATH: \"/usr/local/bin:/usr/bin:/bin\", MODE: \"$5 'q'\"}";
  world.write_recipe(R"(vars: {app_env: live, port: "8080", said: "it's \"odd\" $HOME `x` ünï"}
tasks:
  look: |-
    for name in RELEASE RELEASE_PATH CURRENT_PATH SHARED_PATH PREVIOUS_RELEASE REVISION STAGE HOST ROLES APPLICATION DEPLOY_ACTION \
      app_env port weight said MODE PATH; do
      eval "printf '%s=%s\n' $name \"\$$name\"" >>seen
    done
    pwd -P >>seen
hooks: {build: look}
)",
                     hosts);
  Ran ran = world.deploy({"production", "--revision", "r1"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  ran = world.deploy({"production", "--revision", "r2"});
  REQUIRE(ran.status == 0);
  const std::string id = world.host(0).live();
  const std::string root = world.deploy_to();
  REQUIRE(world.host(0).read("current/seen") ==
          "RELEASE=" + id + "\nRELEASE_PATH=" + root + "/releases/" + id + "\nCURRENT_PATH=" + root +
              "/current\nSHARED_PATH=" + root + "/shared\nPREVIOUS_RELEASE=" + first +
              "\nREVISION=r2\nSTAGE=production\nHOST=127.0.0.1\nROLES=app web\nAPPLICATION=shop\n"
              "DEPLOY_ACTION=deploy\napp_env=odd\nport=8080\nweight=10\nsaid=it's \"odd\" $HOME `x` ünï\nMODE=$5 'q'\n"
              "PATH=/usr/local/bin:/usr/bin:/bin\n" +
              (world.host(0) / "releases" / id).string() + "\n");
  const std::string other = world.host(1).read("current/seen");
  REQUIRE_THAT(other, ContainsSubstring("HOST=127.0.0.2\nROLES=db\n"));
  REQUIRE_THAT(other, ContainsSubstring("app_env=live\nport=8080\nweight=\n"));
}

TEST_CASE("'plan' tells what a deploy does, and changes nothing, not even on hosts that were never deployed to") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(usual);
  SECTION("before the first deploy") {
    const Ran plan = world.deploy({"plan", "production"});
    INFO(plan);
    REQUIRE(plan.status == 1);  // and it tells what stands against it
    REQUIRE_THAT(plan.err, ContainsSubstring("config/database.yml"));
    for (const auto& host : world.hosts()) REQUIRE(host.untouched());
  }
  SECTION("with releases there") {
    give_shared_file(world);
    std::vector<std::string> ids;
    for (int i = 0; i < 2; ++i) {
      REQUIRE(world.deploy({"production"}).status == 0);
      ids.push_back(world.host(0).live());
    }
    const std::string before[] = {world.host(0).snapshot(), world.host(1).snapshot()};
    for (const auto& arguments :
         {std::vector<std::string>{"plan", "production"}, {"production", "plan"}, {"production", "-n"}}) {
      const Ran plan = world.deploy(arguments);
      INFO(plan);
      REQUIRE(plan.status == 0);
      REQUIRE_THAT(plan.out, ContainsSubstring("127.0.0.1 127.0.0.2 (2 hosts)"));
      REQUIRE_THAT(plan.out, ContainsSubstring("link folders   log, tmp/pids\n"));
      REQUIRE_THAT(plan.out, ContainsSubstring("link files     config/database.yml\n"));
      REQUIRE_THAT(plan.out, ContainsSubstring("run            stamp (build)\n"));
      REQUIRE_THAT(plan.out, ContainsSubstring("(now " + ids[1] + ")\n"));
      REQUIRE_THAT(plan.out, ContainsSubstring("prune          " + ids[0] + "\n"));
    }
    for (int i = 0; i < 2; ++i) REQUIRE(world.host(i).snapshot() == before[i]);
    REQUIRE(world.deploy({"production"}).status == 0);
    REQUIRE(world.host(1).releases() == std::vector<std::string>{ids[1], world.host(1).live()});
  }
}

TEST_CASE("'releases' lists what the hosts have, newest first, with states, and which is live") {
  World world({.hosts = 2});
  world.write_app("1");
  Ran ran = world.deploy({"releases", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out == "no releases\n");
  REQUIRE(world.deploy({"production", "--revision", "one"}).status == 0);
  const std::string first = world.host(0).live();
  REQUIRE(world.deploy({"production", "--revision", "two"}).status == 0);
  const std::string second = world.host(0).live();
  REQUIRE(world.deploy({"production", "rollback", "--hosts", "127.0.0.2"}).status == 0);
  ran = world.deploy({"production", "releases"});
  REQUIRE(ran.status == 0);
  const auto bad = ran.out.find(second + "  bad"), good = ran.out.find(second + "  good"),
             old = ran.out.find(first + "  good");
  REQUIRE(bad != std::string::npos);
  REQUIRE(good != std::string::npos);
  REQUIRE(old != std::string::npos);
  REQUIRE(bad < old);
  REQUIRE_THAT(ran.out, ContainsSubstring("live on 127.0.0.1"));
  REQUIRE_THAT(ran.out, ContainsSubstring("live on 127.0.0.2"));
}

TEST_CASE("paths in 'copied' are taken over from the live release, unless the new one brings them") {
  World world;
  world.write_recipe(
      "copied: [vendor, cache/data, VERSION]\ntasks: {fill: 'mkdir -p vendor/lib cache; [ -e vendor/lib/a ] || echo "
      "$RELEASE >vendor/lib/a'}\n"
      "hooks: {build: fill}\n");
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).live() != first);
  REQUIRE(world.host(0).read("current/vendor/lib/a") == first + "\n");
  REQUIRE(world.host(0).version() == "2");
  // A copy, not a link: the old release stays what it is.
  world.host(0).write("current/vendor/lib/a", "changed\n");
  REQUIRE(world.host(0).read("releases/" + first + "/vendor/lib/a") == first + "\n");
}

TEST_CASE("two applications live on the same host side by side") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string shop = world.host(0).snapshot();
  const std::string other = world.deploy_to() + "-blog";
  const Ran ran = world.deploy({"production", "--set", "application=blog", "--set", "deploy_to=" + other});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).snapshot() == shop);
  REQUIRE(std::filesystem::exists(other + "/current/VERSION"));
}

TEST_CASE("a deploy_to with blanks, quotes and dollars in its name works as any other") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(usual);
  const std::string odd = "an 'odd' $(name) &co";
  const FarmHost host("odd", world.host(0).tree().parent_path() / odd);
  const std::string set = "deploy_to=" + (std::filesystem::path(world.deploy_to()).parent_path() / odd).string();
  for (const auto& each : world.hosts())
    FarmHost("odd", each.tree().parent_path() / odd).write("shared/config/database.yml", "x\n");
  for (int i = 0; i < 3; ++i) {
    const Ran ran = world.deploy({"production", "--set", set});
    INFO(ran);
    REQUIRE(ran.status == 0);
  }
  REQUIRE(host.releases().size() == 2);
  REQUIRE(host.version() == "1");
  const Ran back = world.deploy({"rollback", "production", "--set", set});
  INFO(back);
  REQUIRE(back.status == 0);
  REQUIRE(host.live() == host.releases().front());
}
