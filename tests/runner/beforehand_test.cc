// What the recipe, the selection and the source tell by themselves is told before any host is connected.
#include <filesystem>

#include "deploy/task.h"
#include "run_world.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using event::Outcome;

namespace {

bool connected(const RunWorld& world) { return !world.events.all<event::PhaseStarted>().empty(); }

std::vector<std::string> texts(const std::vector<Error>& errors) {
  std::vector<std::string> all;
  for (const Error& error : errors) all.push_back(error.message + "\n  " + error.hint);
  return all;
}

}  // namespace

TEST_CASE("a task that runs once and has no host among the selected ones is told before a host is connected, and by a check") {
  using recipe::HookPoint;
  const auto point = GENERATE(HookPoint::build, HookPoint::failed);
  RunWorld world(2);
  for (auto& host : world.request.hosts) host.roles = {"app"};
  for (const char* task : {"migrate", "seed", "warm"}) {
    world.hook(point, task);
    world.request.recipe.tasks[task].once = true;
    world.request.recipe.tasks[task].roles = {"db"};
  }
  world.request.recipe.tasks["seed"].roles = {"db", "app"};
  world.request.recipe.tasks["warm"].local = true;
  world.hook(HookPoint::after_publish, "migrate");
  const std::vector<std::string> told = {"task 'migrate' (" + std::string(recipe::name_of(point == HookPoint::build ? point : HookPoint::after_publish)) +
                                         ") runs once, but none of the selected hosts has the role db\n  select a host with that role too, or change the task's roles"};
  for (const event::Report& report : {world.deploy(), deploy::plan_deploy(world.request, world.surroundings()).report}) {
    CHECK(report.outcome == Outcome::usage);
    CHECK(texts(report.errors) == told);
    CHECK_FALSE(connected(world));
  }
  const auto checked = deploy::check(world.request, world.surroundings());
  CHECK(texts(checked.report.errors) == told);
  CHECK_THAT(checked.text, ContainsSubstring("0 of 2 hosts are ready"));
  CHECK(connected(world));
}

TEST_CASE("a rollback, too, tells of such a task before a host is connected, where it would run it") {
  RunWorld world(2);
  for (auto& host : world.request.hosts) host.roles = {"app"};
  world.hook(recipe::HookPoint::after_rollback, "tell");
  world.request.recipe.tasks["tell"].once = true;
  world.request.recipe.tasks["tell"].roles = {"db"};
  for (const event::Report& report : {world.rollback(), deploy::plan_rollback(world.request, std::nullopt, world.surroundings()).report}) {
    CHECK(report.outcome == Outcome::usage);
    REQUIRE(report.errors.size() == 1);
    CHECK_THAT(report.errors[0].message, ContainsSubstring("task 'tell' (after_rollback) runs once"));
  }
  CHECK_FALSE(connected(world));
  CHECK(world.deploy().outcome == Outcome::done);
}

TEST_CASE("a source that has a file where the recipe wants a shared directory is told before a host is connected, and by a check") {
  RunWorld world(1);
  world.folder.write("app/log", "");
  world.folder.write("app/.env/a", "");
  world.request.recipe.shared = {{"log"}, {".env"}};
  const std::vector<std::string> told = {"'log' is a shared directory, and the source has a file 'log'\n  remove one of the two",
                                         "'.env' is a shared file, and the source has a folder '.env'\n  remove one of the two"};
  for (const event::Report& report : {world.deploy(), deploy::plan_deploy(world.request, world.surroundings()).report}) {
    CHECK(report.outcome == Outcome::usage);
    CHECK(texts(report.errors) == told);
    CHECK_FALSE(connected(world));
  }
  const auto checked = deploy::check(world.request, world.surroundings());
  CHECK(checked.report.outcome == Outcome::usage);
  CHECK(texts(checked.report.errors) == told);
  CHECK_THAT(checked.text, ContainsSubstring("0 of 1 host is ready"));
  std::filesystem::remove(world.folder / "app/log");
  std::filesystem::remove_all(world.folder / "app/.env");
  CHECK(deploy::check(world.request, world.surroundings()).report.outcome == Outcome::done);
  CHECK(world.deploy().outcome == Outcome::done);
}

TEST_CASE("where a task of this machine may make another source, a check and a plan only warn of what is in the way in this one") {
  RunWorld world(1);
  world.folder.write("app/log", "");
  world.request.recipe.shared.directories = {"log"};
  world.hook(recipe::HookPoint::before_connect, "make", true, "rm app/log");
  CHECK(deploy::check(world.request, world.surroundings()).report.outcome == Outcome::done);
  CHECK(deploy::plan_deploy(world.request, world.surroundings()).report.outcome == Outcome::done);
  const auto warnings = world.events.all<event::Warning>();
  const std::string told = "'log' is a shared directory, and the source has a file 'log': a deploy is refused unless a before_connect task changes that";
  CHECK(std::count_if(warnings.begin(), warnings.end(), [&](const auto& warning) { return warning.text == told; }) == 2);
  CHECK(world.deploy().outcome == Outcome::done);
}

TEST_CASE("hosts of the stage that are not selected are named by whatever changes hosts, and by its plan") {
  RunWorld world(1);
  inventory::Host other;
  other.name = other.address = "web2";
  world.request.other_hosts = {other};
  world.hook(recipe::HookPoint::build, "make");
  const auto with = world.surroundings();
  const auto warned = [&](const auto& run) {
    const auto before = world.events.all<event::Warning>().size();
    run();
    std::string text;
    const auto warnings = world.events.all<event::Warning>();
    for (auto i = before; i < warnings.size(); ++i) {
      if (warnings[i].text.starts_with("not selected")) text += warnings[i].text;
    }
    return text;
  };
  const std::string run = "not selected, and left with the release that they run: web2", alone = "not selected, and left alone: web2";
  CHECK(warned([&] { deploy::status(world.request, false, with); }).empty());
  CHECK(warned([&] { world.deploy(); }) == run);
  CHECK(warned([&] { deploy::plan_deploy(world.request, with); }) == run);
  CHECK(warned([&] { world.rollback(); }) == run);
  CHECK(warned([&] { deploy::plan_rollback(world.request, std::nullopt, with); }) == run);
  CHECK(warned([&] { deploy::prune(world.request, 1, true, with); }) == alone);
  CHECK(warned([&] { deploy::prune(world.request, 1, false, with); }) == alone);
  CHECK(warned([&] { deploy::run_task(world.request, world.request.recipe.tasks["make"], with); }) == alone);
  CHECK(warned([&] { deploy::freeze(world.request, "why", with); }) == alone);
  CHECK(warned([&] { deploy::unlock(world.request, false, with); }) == alone);
}
