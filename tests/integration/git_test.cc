// A commit of a git repository as the source: on hosts, in plans, in a diff.
#include "support/catch.h"
#include "support/farm.h"
#include "support/git_repo.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const std::string of_app = "source: {git: {repository: app, revision: main}}\n";

}  // namespace

TEST_CASE("a commit goes to all hosts, under its own name, whatever the work tree is like") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(of_app);
  const GitRepo repo(world.site() / "app");
  const std::string one = repo.commit("One");
  world.write("app/index.html", "not committed");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out + ran.err, ContainsSubstring("has changes that are not committed (one file): they are not deployed"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.read("current/REVISION") == one + "\n");
    REQUIRE(host.version() == "1");
    REQUIRE(host.read("current/index.html") != "not committed");
    REQUIRE_FALSE(host.exists("current/.git"));
    REQUIRE_THAT(host.read("revisions.log"), ContainsSubstring("(at " + one + ") deployed as release "));
  }
  REQUIRE(world.broken_invariants().empty());
  // The command line chooses another one.
  const std::string two = repo.commit("Two");
  repo.git({"tag", "v1", one});
  repo.git({"branch", "v1", two});
  ran = world.deploy({"production", "--revision", "v1"});
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("'v1' is both a tag (" + one.substr(0, 12)));
  for (const auto& [option, sha] : {std::pair{"--tag", one}, {"--branch", two}}) {
    ran = world.deploy({"plan", "production", option, "v1"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.out, ContainsSubstring(", revision " + sha));
  }
  REQUIRE(world.deploy({"production", "--revision", "main"}).status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.read("current/REVISION") == two + "\n");
  REQUIRE(world.deploy({"production", "--tag", "v1", "--branch", "v1"}).status == 2);
  ran = world.deploy({"check", "production", "--branch", "nowhere"});
  REQUIRE(ran.status != 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("there is no branch 'nowhere' in repository"));
  world.write_recipe();
  ran = world.deploy({"production", "--tag", "v1"});
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("'--tag' chooses a commit, and the recipe's source is no git repository"));
}

TEST_CASE("what a commit has where the recipe wants a shared path is told by a check, a plan and a deploy") {
  World world;
  world.write_app("1");
  fs::remove_all(world.site() / "app/log");
  world.write("app/log", "");
  world.write_recipe(of_app + "shared: {directories: [log, tmp/cache]}\n");
  const GitRepo repo(world.site() / "app");
  fs::create_symlink("pages", world.site() / "app/tmp");
  repo.commit("One");
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"plan", "production"}, {"production"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, ContainsSubstring("error: 'log' is a shared directory, and the source has a file 'log'\n  remove one of the two\n"));
    CHECK_THAT(ran.err, ContainsSubstring("error: 'tmp/cache' is a shared directory, and the source has a link 'tmp'\n  make a folder of that in the source\n"));
  }
  CHECK(world.host(0).untouched());
}

TEST_CASE("the latest tag is asked for, and is what is deployed") {
  World world;
  world.write_app("1");
  world.write_recipe(
      "source: {git: {revision: \"${version}\"}}\n"
      "prompts: {version: {question: Release version, default: {command: git describe --tags --abbrev=0}}}\n");
  const GitRepo repo(world.site());
  const std::string one = repo.commit("One");
  repo.git({"tag", "v1"});
  world.write_app("2");
  const std::string two = repo.commit("Two");
  repo.git({"tag", "v2"});
  world.write_app("3");
  repo.commit("Three");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).read("current/REVISION") == two + "\n");
  ran = world.deploy({"diff", "production"});  // asks the same
  REQUIRE_THAT(ran.out, ContainsSubstring("the same commit, " + two.substr(0, 12)));
  REQUIRE(world.deploy({"production", "--set", "version=v1"}).status == 0);
  REQUIRE(world.host(0).read("current/REVISION") == one + "\n");
}

TEST_CASE("a diff tells the commits between what is live and what would be, and the files") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(of_app);
  const GitRepo repo(world.site() / "app");
  const std::string one = repo.commit("One");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string live = world.host(0).live();
  repo.commit("Second \x1b[31m step");
  repo.write("new", "1");
  const std::string three = repo.commit("Third");
  Ran ran = world.deploy({"diff", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string from = one.substr(0, 12), to = three.substr(0, 12);
  REQUIRE_THAT(ran.out, ContainsSubstring("127.0.0.1 127.0.0.2: live is " + live + "\n  from " + from + " to " + to + ": 2 commits\n    " + to +
                                          " Third\n"));
  REQUIRE_THAT(ran.out, ContainsSubstring(" Second \\x1b[31m step\n  + new\n  1 added, 0 removed, 0 changed\n"));
  ran = world.deploy({"diff", "production", "--output", "json"});
  REQUIRE_THAT(ran.out, ContainsSubstring("\"from\":\"" + one + "\"") && ContainsSubstring("\"to\":\"" + three + "\"") &&
                            ContainsSubstring("\"ahead\":2") && ContainsSubstring("\"behind\":0") && ContainsSubstring("\"subject\":\"Third\""));
  REQUIRE(world.deploy({"production"}).status == 0);
  ran = world.deploy({"diff", "production", "--revision", one});
  REQUIRE_THAT(ran.out, ContainsSubstring("  from " + to + " to " + from + ": 2 commits back\n  - new\n"));
}
