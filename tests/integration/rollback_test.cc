#include <sstream>

#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Deploys versions "1" to "n"; their release ids.
std::vector<std::string> deploy_versions(World& world, int n) {
  std::vector<std::string> ids;
  for (int i = 1; i <= n; ++i) {
    world.write_app(std::to_string(i));
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    ids.push_back(world.host(0).live());
  }
  return ids;
}

std::string without_lines_of(const std::string& text, std::string_view what) {
  std::istringstream lines(text);
  std::string rest;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(what) == std::string::npos) rest += line + '\n';
  }
  return rest;
}

const char* const noted = R"(tasks:
  restart: 'echo "$DEPLOY_ACTION $RELEASE from $PREVIOUS_RELEASE" >>"$SHARED_PATH/restarts"'
  announce: 'echo "announced $RELEASE" >>"$SHARED_PATH/restarts"'
hooks: {after_publish: restart, after_rollback: announce}
)";

}  // namespace

TEST_CASE(
    "a rollback puts the good release before the live one on all hosts, runs the hooks and marks what it leaves as "
    "bad") {
  World world({.hosts = 3});
  world.write_recipe(noted);
  const auto ids = deploy_versions(world, 2);
  const Ran ran = world.deploy({"rollback", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == ids[0]);
    REQUIRE(host.version() == "1");
    REQUIRE(host.state(ids[0]) == "good");
    REQUIRE(host.state(ids[1]) == "bad");
    REQUIRE(host.read("shared/restarts") == "deploy " + ids[0] + " from \ndeploy " + ids[1] + " from " + ids[0] +
                                                "\nrollback " + ids[0] + " from " + ids[1] + "\nannounced " + ids[0] +
                                                "\n");
    REQUIRE_THAT(host.read("revisions.log"), ContainsSubstring("ada rolled back to release " + ids[0] + "\n"));
    REQUIRE_THAT(host.read(".kirikae/log.jsonl"),
                 ContainsSubstring(R"("action":"rollback","application":"shop","stage":"production","release":")" +
                                   ids[0] + R"(","previous":")" + ids[1]));
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("two rollbacks in a row go two releases back, a third finds nothing and changes nothing") {
  World world({.hosts = 2});
  const auto ids = deploy_versions(world, 3);
  REQUIRE(world.deploy({"rollback", "production"}).status == 0);
  REQUIRE(world.host(0).live() == ids[1]);
  REQUIRE(world.deploy({"production", "rollback"}).status == 0);
  REQUIRE(world.host(1).live() == ids[0]);
  const std::string before = world.host(0).snapshot();
  const Ran third = world.deploy({"rollback", "production"});
  INFO(third);
  REQUIRE(third.status == 1);
  REQUIRE_THAT(third.err, ContainsSubstring(ids[0]));
  REQUIRE(world.host(0).snapshot() == before);
  REQUIRE(world.host(1).live() == ids[0]);
}

TEST_CASE("with no release, or with one only, there is nothing to roll back to") {
  World world;
  Ran ran = world.deploy({"rollback", "production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE(world.host(0).untouched());
  deploy_versions(world, 1);
  const std::string before = world.host(0).snapshot();
  ran = world.deploy({"rollback", "production"});
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("error: "));
  REQUIRE(world.host(0).snapshot() == before);
}

TEST_CASE("a bad release is no target, unless it is named, which clears the mark") {
  World world;
  const auto ids = deploy_versions(world, 2);
  REQUIRE(world.deploy({"rollback", "production"}).status == 0);
  REQUIRE(world.host(0).state(ids[1]) == "bad");
  const Ran ran = world.deploy({"rollback", "production", "--to", ids[1]});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).live() == ids[1]);
  REQUIRE(world.host(0).state(ids[1]) == "good");
  REQUIRE(world.host(0).state(ids[0]) == "good");  // going forward condemns nothing
}

TEST_CASE("another tool's tree is rolled back by name before anything of ours was deployed there") {
  World world({.hosts = 2});
  const std::string old = "20240101000000", live = "20240201000000";
  for (const auto& host : world.hosts()) {
    for (const auto& id : {old, live}) host.write("releases/" + id + "/VERSION", id);
    std::filesystem::create_symlink("releases/" + live, host / "current");
  }
  world.write_recipe("tasks: {restart: 'true'}\nhooks: {after_publish: restart}\n");
  const Ran ran = world.deploy({"rollback", "production", "--to", old});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    CHECK(host.live() == old);
    CHECK(host.state(old) == "good");
    CHECK(host.state(live) == "bad");
  }
}

TEST_CASE("Option --to with a release that a host lacks is refused on all hosts") {
  World world({.hosts = 2});
  const auto ids = deploy_versions(world, 2);
  world.write_app("3");
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.2"}).status == 0);
  const std::string third = world.host(1).live();
  REQUIRE(third > ids[1]);
  const std::string before[] = {world.host(0).snapshot(), world.host(1).snapshot()};
  const Ran ran = world.deploy({"rollback", "production", "--to", third});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("127.0.0.1"));
  const Ran nonsense = world.deploy({"rollback", "production", "--to", "20010101000000"});
  INFO(nonsense);
  REQUIRE(nonsense.status == 1);
  REQUIRE(world.host(0).snapshot() == before[0]);
  REQUIRE(world.host(1).snapshot() == before[1]);
}

TEST_CASE("a rollback changes nothing on a host that runs the target already, but notes itself in its log") {
  World world({.hosts = 2});
  world.write_recipe(noted);
  const auto ids = deploy_versions(world, 2);
  REQUIRE(world.deploy({"rollback", "production", "--hosts", "127.0.0.1"}).status == 0);
  // All but the log.
  const auto look = [&] { return without_lines_of(world.host(0).snapshot(), ".kirikae/log.jsonl"); };
  const std::string before = look(), log = world.host(0).read(".kirikae/log.jsonl");
  const Ran ran = world.deploy({"rollback", "production", "--to", ids[0]});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(look() == before);
  const std::string more = world.host(0).read(".kirikae/log.jsonl").substr(log.size());
  REQUIRE_THAT(more, ContainsSubstring("\"action\":\"rollback\"") && ContainsSubstring("\"release\":\"" + ids[0] + "\"") &&
                         ContainsSubstring("\"result\":\"already there\""));
  REQUIRE(world.host(1).live() == ids[0]);
  REQUIRE(world.host(1).state(ids[1]) == "bad");
  REQUIRE_THAT(ran.out, ContainsSubstring("already there"));
}

TEST_CASE("a rollback to what all hosts run already says which release that is, and notes itself") {
  World world({.hosts = 2});
  world.write_recipe(noted);
  const auto ids = deploy_versions(world, 2);
  const Ran ran = world.deploy({"rollback", "production", "--to", ids[1]});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, ContainsSubstring("release " + ids[1]) && ContainsSubstring("already there"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == ids[1]);
    REQUIRE_THAT(host.read(".kirikae/log.jsonl"), ContainsSubstring("\"result\":\"already there\""));
  }
}

TEST_CASE("a deploy after a rollback starts from the release that was gone back to, and keeps it as the next target") {
  World world;
  world.write_recipe("keep_releases: 2\n");
  auto ids = deploy_versions(world, 2);
  REQUIRE(world.deploy({"rollback", "production"}).status == 0);
  world.write_app("3");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string third = world.host(0).live();
  REQUIRE(third > ids[1]);
  REQUIRE(world.host(0).state(ids[0]) == "good");
  const Ran ran = world.deploy({"rollback", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).live() == ids[0]);  // not the bad one in between
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("'rollback -n' names the target and changes nothing") {
  World world;
  const auto ids = deploy_versions(world, 2);
  const std::string before = world.host(0).snapshot();
  const Ran ran = world.deploy({"rollback", "production", "-n"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, ContainsSubstring("current -> releases/" + ids[0] + " (now " + ids[1] + ")"));
  REQUIRE_THAT(ran.out, ContainsSubstring(ids[1] + " bad"));
  REQUIRE(world.host(0).snapshot() == before);
}
