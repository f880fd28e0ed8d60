// Every option of the command line makes a difference that can be seen: in the output, the exit code or on the hosts.
#include <algorithm>
#include <regex>
#include <set>

#include "probe.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/git_repo.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;

namespace {

const std::string telling_task = "tasks: {told: 'echo told'}\nhooks: {build: told}\n";

std::vector<Probe> probes() {
  return {
      {.what = "--recipe", .more = {"--recipe", "other.yml"}},
      {.what = "--set", .more = {"--set", "application=store"}},
      {.what = "--hosts", .more = {"--hosts", "127.0.0.1"}},
      {.what = "--roles", .more = {"--roles", "app"}},
      {.what = "--exclude", .more = {"--exclude", "*.2"}},
      {.what = "--revision", .more = {"--revision", "v7"}},
      {.what = "--branch", .without = "source: {git: one}\n", .more = {"--branch", "other"}},
      {.what = "--tag", .without = "source: {git: one}\n", .more = {"--tag", "v1"}},
      {.what = "--dry-run", .more = {"--dry-run"}},
      {.what = "--limit-rate", .words = {"plan", "production"}, .more = {"--limit-rate", "5MB"}},
      {.what = "--keep", .words = {"prune", "production"}, .more = {"--keep", "1"}, .before = 3},
      {.what = "--message", .words = {"lock", "production"}, .more = {"--message", "so"}, .before = 1},
      {.what = "--timeout", .words = {"run", "production", "--timeout", "60s", "--", "sleep 3"},
       .instead = {"run", "production", "--timeout", "1s", "--", "sleep 3"}, .before = 1},
      {.what = "--yes", .without = "confirm: true\n", .more = {"--yes"}},
      {.what = "--list", .without = telling_task, .words = {"task", "production", "told"}, .more = {"--list"}, .before = 1},
      {.what = "--lines", .words = {"audit", "production"}, .more = {"--lines", "1"}, .before = 2},
      {.what = "--follow", .without = "logs: index.html\n", .words = {"logs", "production", "--no-follow"},
       .more = {"--follow"}, .before = 1},
      {.what = "--no-follow", .without = "logs: index.html\n", .words = {"logs", "production", "--no-follow"},
       .instead = {"logs", "production", "--no-follow", "--follow"}, .before = 1},
      {.what = "--group", .words = {"run", "production", "--", "echo a"}, .instead = {"run", "production", "--group", "--", "echo a"},
       .before = 1},
      {.what = "--exit-code", .words = {"diff", "production", "--set", "source.directory=app/pages"}, .more = {"--exit-code"}, .before = 1},
      {.what = "--ssh", .words = {"config", "production"}, .more = {"--ssh"}},
      {.what = "--quiet", .more = {"--quiet"}},
      {.what = "--verbose", .more = {"--verbose"}},
      {.what = "--output", .more = {"--output", "json"}},
      {.what = "--file", .words = {"report", "-o", "-"}, .instead = {"report", "-o", "page.html"}, .before = 1},
      {.what = "--help", .more = {"--help"}},
      {.what = "--version", .more = {"--version"}},
  };
}

// They are about others who are at work, or about a release with a name of its own: each has a test elsewhere that fails where it does
// nothing.
const std::vector<std::pair<std::string, std::string>> elsewhere = {
    {"--to", "rollback_test.cc"},
    {"--lock-wait", "lock_test.cc"},
    {"--despite-freeze", "lock_test.cc"},
    {"--force", "lock_test.cc"},
    {"--replace", "trust_test.cc"},
};

}  // namespace

TEST_CASE("every option of the help is tried out by a test of this file, or by one that is named here") {
  const World world;
  const std::string help = world.deploy({"--help"}).out;
  std::set<std::string> options, tried;
  const std::regex pattern("(^|\n)  (-.,|   ) (--[a-z-]+)");
  for (auto at = std::sregex_iterator(help.begin(), help.end(), pattern); at != std::sregex_iterator(); ++at) options.insert((*at)[3]);
  for (const Probe& probe : probes()) tried.insert(probe.what);
  for (const auto& [option, file] : elsewhere) {
    CHECK(run_program({"grep", "-q", "--", '"' + option + '"', std::string(KIRIKAE_SOURCE_DIR) + "/tests/integration/" + file}).status == 0);
    tried.insert(option);
  }
  CHECK(options == tried);
}

TEST_CASE("every option makes a difference") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write("other.yml", "application: other\ndeploy_to: /srv/other\nsource: {directory: app}\nstages: {production: {hosts: [127.0.0.9]}}\n");
  const GitRepo repo(world.site() / "one");
  repo.write("file", "1");
  repo.commit("One");
  repo.git({"tag", "v1"});
  repo.git({"branch", "other"});
  repo.write("file", "2");
  repo.commit("Two");
  for (const Probe& probe : some_of(probes(), 6)) {
    CAPTURE(probe.what);
    CHECK_FALSE(difference(world, probe).empty());
  }
}
