// `deploy task` on hosts that are fakes.
#include "deploy/task.h"

#include <algorithm>

#include "run_world.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::test;
using event::Outcome;

namespace {

struct TaskWorld : RunWorld {
  explicit TaskWorld(int count) : RunWorld(count) {
    task.name = "mend";
    task.run = "bin/mend";
    task.dir = "db";
  }
  event::Report run() { return deploy::run_task(request, task, surroundings()); }
  recipe::Task task;
};

bool call_has(const FakeCall& call, const std::string& text) { return call.text.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a task is run under the lock, in the live release, and an audit line follows") {
  TaskWorld world(2);
  const auto report = world.run();
  CHECK(report.outcome == Outcome::done);
  CHECK(report.verb == "task");
  for (const auto& host : world.hosts) {
    CHECK(host->names() == std::vector<std::string>{"facts", "task mend", "log"});
    CHECK_FALSE(host->held().empty());
    const auto calls = host->calls();
    CHECK(call_has(calls[0], "kk_what='task mend on production'\n"));
    CHECK(call_has(calls[1], "kk_guard"));
    CHECK(call_has(calls[1], "kk_folder='/srv/shop/releases/20261122000000/db'\nkk_run='bin/mend'\n"));
    CHECK(call_has(calls[1], "export RELEASE='20261122000000'\n"));
    CHECK(call_has(calls[1], "export PREVIOUS_RELEASE=''\n"));
    CHECK(call_has(calls[1], "export DEPLOY_ACTION='task'\n"));
    CHECK(call_has(calls[2], "kk_guard"));
    CHECK(call_has(calls[2], R"("result":"good","detail":"mend"})"));
    CHECK(call_has(calls[2], "kk_line=''\n"));
  }
}

TEST_CASE("a task that fails on one host ran on the others, is exit code 1, and its audit lines say which") {
  TaskWorld world(2);
  world.hosts[0]->answer("task mend", {.exit = {4, ""}, .err = "no\n"});
  // It fails once the other has begun, too.
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name != "task mend") return;
    eventually([&] { return std::ranges::count(world.hosts[1]->names(), "task mend") == 1; });
  });
  const auto report = world.run();
  CHECK(report.outcome == Outcome::failed);
  CHECK(event::exit_code(report) == 1);
  CHECK(call_has(world.hosts[0]->calls()[2], R"("result":"failed","detail":"mend"})"));
  CHECK(call_has(world.hosts[1]->calls()[2], R"("result":"good","detail":"mend"})"));
}

TEST_CASE("only the hosts of a task's roles are asked and locked; 'once' is one of them") {
  TaskWorld world(3);
  for (std::size_t i = 0; i < 3; ++i) world.request.hosts[i].roles = {i == 0 ? "app" : "db"};
  world.request.hosts[2].primary = true;
  world.task.roles = {"db"};
  world.task.once = true;
  CHECK(world.run().outcome == Outcome::done);
  CHECK(world.hosts[0]->names().empty());
  CHECK(world.hosts[1]->names().empty());
  CHECK(world.was_told(2, "task mend"));
  world.task.roles = {"cache"};
  CHECK(world.run().outcome == Outcome::usage);
  CHECK(world.times_told(2, "task mend") == 1);
}

TEST_CASE("where one of its hosts has no live release, or can't be reached, a task runs nowhere") {
  TaskWorld world(2);
  world.hosts[1]->answer("facts", {.out = facts_text("", {})});
  auto report = world.run();
  CHECK(report.outcome == Outcome::failed);
  REQUIRE(report.hosts[1].error);
  CHECK(report.hosts[1].error->code == ErrorCode::preflight);
  CHECK_FALSE(world.was_told(0, "task mend"));
  world.hosts[1]->refuse_connections(Error(ErrorCode::connect, "refused"));
  report = world.run();
  CHECK(report.outcome == Outcome::unreachable);
  CHECK_FALSE(world.was_told(0, "task mend"));
}

TEST_CASE("a task runs in what `current` points to where that is none of our releases, but nowhere where it isn't there") {
  TaskWorld world(1);
  world.hosts[0]->answer("facts", {.out = facts_text("", {}, "target=releases/7\n")});
  CHECK(world.run().outcome == Outcome::done);
  CHECK(call_has(world.hosts[0]->calls()[1], "kk_folder='/srv/shop/current/db'\n"));
  world.hosts[0]->answer("facts", {.out = facts_text("", {}, "target=releases/7\ncurrent=nowhere\n")});
  CHECK(world.run().outcome == Outcome::failed);
  CHECK(world.times_told(0, "task mend") == 1);
}

TEST_CASE("a task of this machine runs here, and is noted on all hosts") {
  TaskWorld world(2);
  world.task.local = true;
  world.task.dir = "";
  world.task.run = "echo \"$RELEASE $DEPLOY_ACTION\"";
  CHECK(world.run().outcome == Outcome::done);
  REQUIRE(world.events.all<event::Output>().size() == 1);
  CHECK(world.events.all<event::Output>()[0].line == "20261122000000 task");
  for (const auto& host : world.hosts) CHECK(host->names() == std::vector<std::string>{"facts", "log"});
}

TEST_CASE("a stop ends a task, and what it came to is noted") {
  TaskWorld world(1);
  world.hosts[0]->answer("task mend", {.hang = true});
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name == "task mend") world.stop.request_stop();
  });
  CHECK(world.run().outcome == Outcome::interrupted);
  REQUIRE(world.hosts[0]->names() == std::vector<std::string>{"facts", "task mend", "log"});
  CHECK(call_has(world.hosts[0]->calls()[2], R"("result":"failed")"));
}
