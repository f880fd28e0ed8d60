// Runs that are kept, and the pages about them, with the built program.

#include <csignal>
#include <fstream>
#include <map>

#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/file_mode.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

fs::path runs_of(const World& world) { return world / "home/.local/state/kirikae/runs"; }

std::vector<fs::path> kept(const World& world) {
  std::vector<fs::path> files;
  if (!fs::exists(runs_of(world))) return files;
  for (const auto& entry : fs::directory_iterator(runs_of(world))) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// As a browser would read it, but strictly: it is XML, too.
void check_page(const std::string& path) {
  const ProgramEnd end = run_program({"python3", "-c", "import sys,xml.etree.ElementTree as e;e.parse(sys.argv[1])", path});
  CHECK(end.status == 0);
}

}  // namespace

TEST_CASE("a deploy and a rollback are kept, a verb that reads is not, and a report tells them") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write_app("2");
  REQUIRE(world.deploy({"production", "--output", "json"}).status == 0);
  REQUIRE(world.deploy({"rollback", "production", "-q"}).status == 0);
  REQUIRE(world.deploy({"releases", "production"}).status == 0);
  REQUIRE(world.deploy({"rollback", "production", "-n"}).status <= 1);
  const auto files = kept(world);
  REQUIRE(files.size() == 3);
  CHECK(mode_of(files[0]) == 0600);
  CHECK(mode_of(runs_of(world)) == 0700);
  for (const auto& file : files) {
    const Events events = validated_events(world.read(fs::relative(file, world / "").string()));
    CHECK(events.front()["event"] == "run_started");
    CHECK(events.front()["run"] == file.stem().string());
    CHECK(only(events, "progress").empty());
  }

  const Ran list = world.deploy({"report", "--list"});
  INFO(list);
  REQUIRE(list.status == 0);
  CHECK(std::count(list.out.begin(), list.out.end(), '\n') == 4);
  CHECK(list.out.find("rollback") < list.out.find("deploy "));  // newest first

  const Ran latest = world.deploy({"report"});
  INFO(latest);
  REQUIRE(latest.status == 0);
  const std::string page = "report-" + files[2].stem().string() + ".html";
  CHECK(latest.out == page + "\n");
  CHECK_THAT(world.read("site/" + page), ContainsSubstring("<title>rollback shop on production: done</title>"));
  check_page((world.site() / page).string());

  const Ran first = world.deploy({files[0].stem().string(), "report", "-o", "first.html"});
  INFO(first);
  REQUIRE(first.status == 0);
  CHECK_THAT(world.read("site/first.html"), ContainsSubstring("<title>deploy shop to production: done</title>"));
  CHECK_THAT(world.deploy({"report", "production", "-o", "-"}).out, ContainsSubstring("rollback shop on production: done"));
  CHECK(world.deploy({"report", "nowhere"}).status == 2);
}

TEST_CASE("prunes and tasks are kept for a report, too; plans, locks, commands and logs are not", "[slow]") {
  World world({.hosts = 2});
  world.write_recipe("keep_releases: 3\nshared: {directories: [log]}\nlogs: [log/app.log]\ntasks: {greet: 'echo \"hello $HOST\"'}\n");
  world.write_app("1");
  for (int i = 0; i < 3; ++i) REQUIRE(world.deploy({"production"}).status == 0);
  for (const auto& host : world.hosts()) host.write("shared/log/app.log", "up\n");
  for (const auto& words : {std::vector<std::string>{"prune", "production", "-n", "--keep", "1"}, {"lock", "production", "-m", "inventory"},
                            {"unlock", "production"}, {"run", "production", "--", "true"}, {"logs", "production"}, {"check", "production"}}) {
    REQUIRE(world.deploy(words).status == 0);
    REQUIRE(kept(world).size() == 3);
  }
  REQUIRE(world.deploy({"prune", "production", "--keep", "1"}).status == 0);
  REQUIRE(world.deploy({"task", "production", "greet"}).status == 0);
  REQUIRE(kept(world).size() == 5);
  std::map<std::string, Events> by_verb;
  for (const auto& file : kept(world)) {
    CHECK(mode_of(file) == 0600);
    Events events = validated_events(world.read(fs::relative(file, world / "").string()));
    const std::string verb = events.front()["verb"];
    CHECK(events.front()["run"] == file.stem().string());
    CHECK(events.back()["event"] == "run_finished");
    CHECK(events.back()["outcome"] == "done");
    by_verb[verb] = std::move(events);
  }
  REQUIRE(by_verb.contains("prune"));
  REQUIRE(by_verb.contains("task"));
  CHECK(only(by_verb["task"], "output").size() == 2);
  for (const std::string verb : {"prune", "task"}) {
    const Ran page = world.deploy({"report", by_verb[verb].front()["run"], "-o", "page.html"});
    INFO(page);
    REQUIRE(page.status == 0);
    CHECK_THAT(world.read("site/page.html"), ContainsSubstring("<title>" + verb + " shop on production: done</title>"));
    check_page((world.site() / "page.html").string());
  }
  const Ran list = world.deploy({"report", "--list"});
  CHECK_THAT(list.out, ContainsSubstring("  prune ") && ContainsSubstring("  task "));
}

TEST_CASE("a run that is killed leaves a record that a report can show") {
  World world;
  world.write_recipe(
      "tasks: {wait: 'echo nearly \"<b>there</b>\"; echo $$ >\"$SHARED_PATH/pid.new\"; mv \"$SHARED_PATH/pid.new\" \"$SHARED_PATH/pid\"; sleep 300'}\n"
      "hooks: {build: wait}\n");
  world.write_app("1");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return running.out().find("nearly") != std::string::npos; }, std::chrono::seconds(60)));
  CHECK_THAT(world.deploy({"report", "--list"}).out, ContainsSubstring("under way"));
  running.signal(SIGKILL);
  CHECK(running.wait().status == 128 + SIGKILL);
  CHECK_THAT(world.deploy({"report", "--list"}).out, ContainsSubstring("ended without a word"));
  const Ran ran = world.deploy({"report", "-o", "killed.html"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const std::string page = world.read("site/killed.html");
  CHECK_THAT(page, ContainsSubstring("ended without a word"));
  CHECK_THAT(page, ContainsSubstring("nearly &lt;b&gt;there&lt;/b&gt;"));
  check_page((world.site() / "killed.html").string());
}

TEST_CASE("a call that fails before its run begins has a record, so that a report tells of it instead of the run before") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write_recipe("secrets: {KEY: {env: API_KEY}}\n");
  const Ran failed = world.deploy({"production"});
  INFO(failed);
  REQUIRE(failed.status == 2);
  REQUIRE(world.deploy({"releases", "nowhere"}).status == 2);  // that one would not have been kept
  REQUIRE(world.deploy({"production", "-n", "--set", "nothing=1"}).status == 2);
  REQUIRE(world.deploy({"produktion"}).status == 2);  // no stage, and so no run of one
  const auto files = kept(world);
  REQUIRE(files.size() == 2);
  CHECK(mode_of(files[1]) == 0600);
  const Events events = validated_events(world.read(fs::relative(files[1], world / "").string()));
  REQUIRE(events.size() == 1);
  CHECK(events[0]["run"] == files[1].stem().string());
  for (const std::string which : {"", "production"}) {
    std::vector<std::string> words{"report", "-o", "page.html"};
    if (!which.empty()) words.push_back(which);
    const Ran report = world.deploy(words);
    INFO(report);
    REQUIRE(report.status == 0);
    const std::string page = world.read("site/page.html");
    CHECK_THAT(page, ContainsSubstring("<title>deploy shop to production: usage</title>") && ContainsSubstring("API_KEY"));
    CHECK_THAT(page, ContainsSubstring("deploy.yml:") && !ContainsSubstring(": done"));
    check_page((world.site() / "page.html").string());
  }
}

TEST_CASE("of several projects a report tells of the one whose recipe is here, also of a run that failed before it began") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  fs::remove(world.host(0) / ".kirikae/application");
  REQUIRE(world.deploy({"production", "--set", "application=store"}).status == 0);
  world.write("../store/deploy.yml", "application: '${env.NAME:-store}'\nstages: {production: {hosts: [127.0.0.1]}}\n");
  world.write("../other/deploy.yml", "application: other\n");
  world.write("../broken/deploy.yml", "application: [\n");
  const std::string shop = "<title>deploy shop to production: done</title>", store = "<title>deploy store to production: done</title>";
  const auto report = [&](const std::string& folder, const std::string& words) {
    return world.type("cd " + (world / folder).string() + " && deploy report -o - " + words);
  };
  for (const char* stage : {"", "production"}) {
    CAPTURE(stage);
    CHECK_THAT(report("site", stage).out, ContainsSubstring(shop));
    CHECK_THAT(report("store", stage).out, ContainsSubstring(store));  // though there is more that is wrong with that recipe
    CHECK_THAT(report("site", stage + std::string(" --recipe ../store/deploy.yml")).out, ContainsSubstring(store));
    CHECK_THAT(report("", stage).out, ContainsSubstring(store));        // no recipe: the latest of all
    CHECK_THAT(report("broken", stage).out, ContainsSubstring(store));  // one that doesn't say whose
  }
  const std::string id = kept(world)[1].stem().string();
  CHECK_THAT(report("site", id).out, ContainsSubstring(store));
  for (const auto& [words, error] : {std::pair{"", "no run of 'other' is kept in '"}, {"production", "no run 'production' is kept, and none of 'other' on a stage of that name\n"},
                                     {"--recipe ../none.yml", "../none.yml"}}) {
    const Ran none = report("other", words);
    INFO(none);
    CHECK(none.status == 2);
    CHECK_THAT(none.err, ContainsSubstring(error));
  }
  // A call that doesn't come to a run is this project's, too.
  REQUIRE(world.deploy({"production", "--set", "keep_releases=none"}).status == 2);
  CHECK_THAT(report("site", "production").out, ContainsSubstring("<title>deploy shop to production: usage</title>"));
  CHECK_THAT(report("store", "").out, ContainsSubstring(store));
}

TEST_CASE("a list of runs takes neither a run nor where a page would go") {
  const World world;
  for (const auto& [words, what] : {std::pair{std::vector<std::string>{"nonsense"}, "run"}, {{"-o", "x.html"}, "'-o'"}, {{"--recipe", "deploy.yml"}, "'--recipe'"}}) {
    std::vector<std::string> all{"report", "--list"};
    all.insert(all.end(), words.begin(), words.end());
    const Ran ran = world.deploy(all);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK(ran.err == "error: '--list' takes no " + std::string(what) + "\n  leave one of the two out\n");
  }
}

TEST_CASE("a record of which nothing came to the disk is none") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  std::ofstream(runs_of(world) / "20991231-235959-aaaaaa.jsonl");
  const Ran list = world.deploy({"report", "--list"});
  CHECK(std::count(list.out.begin(), list.out.end(), '\n') == 2);
  CHECK_THAT(world.deploy({"report", "-o", "-"}).out, ContainsSubstring("<title>deploy shop to production: done</title>"));
}

TEST_CASE("where a run can't be kept the deploy goes on with a warning") {
  World world;
  world.write_app("1");
  world.environment = {"XDG_STATE_HOME=/proc/nowhere"};
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(0).version() == "1");
  CHECK_THAT(ran.err, ContainsSubstring("warning: this run is not kept for 'deploy report': '/proc/nowhere/kirikae/runs' can't be made"));
}
