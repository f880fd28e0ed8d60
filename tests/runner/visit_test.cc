// `deploy run` and `deploy logs` on hosts that are fakes.
#include "deploy/visit.h"

#include <thread>

#include "run_world.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::test;
using event::Outcome;

namespace {

struct VisitWorld : RunWorld {
  using RunWorld::RunWorld;
  event::Report run(std::optional<std::chrono::seconds> timeout = {}) {
    return deploy::run_command(request, {"uptime", timeout}, surroundings());
  }
};

}  // namespace

TEST_CASE("run asks each host for one thing only, locks nothing and says what it printed") {
  VisitWorld world(3);
  world.request.recipe.vars["port"] = "8080";
  world.request.hosts[1].vars["port"] = "9090";
  world.hosts[1]->answer("run", {.out = "up 3\ndays", .err = "hm\n"});
  const auto report = world.run();
  CHECK(report.outcome == Outcome::done);
  CHECK(event::exit_code(report) == 0);
  for (const auto& host : world.hosts) {
    CHECK(host->names() == std::vector<std::string>{"run"});
    CHECK(host->held().empty());
    CHECK(host->closed());
  }
  const std::string text = world.hosts[1]->calls()[0].text;
  CHECK(text.find("kk_run='uptime'\n") != std::string::npos);
  CHECK(text.find("export port='9090'\n") != std::string::npos);
  CHECK(text.find("export HOST='web2'\n") != std::string::npos);
  CHECK(text.find("export DEPLOY_ACTION='run'\n") != std::string::npos);
  std::vector<std::string> lines;
  for (const auto& output : world.events.all<event::Output>()) {
    lines.push_back(output.host + (output.channel == event::Channel::out ? " out " : " err ") + output.line);
  }
  std::sort(lines.begin(), lines.end());
  CHECK(lines == std::vector<std::string>{"web2 err hm", "web2 out days", "web2 out up 3"});
}

TEST_CASE("run's exit code is the worst status of a host, and a host that is lost or never reached counts as 255") {
  VisitWorld world(4);
  world.hosts[0]->answer("run", {.exit = {3, ""}});
  world.hosts[2]->answer("run", {.exit = {137, "KILL"}});
  auto report = world.run();
  CHECK(event::exit_code(report) == 137);
  CHECK(report.outcome == Outcome::failed);
  CHECK(report.hosts[0].error->message == "the command ended with status 3");
  CHECK(report.hosts[2].error->message == "the command ended with status 137 (as by signal KILL)");
  CHECK_FALSE(report.hosts[1].error);
  world.hosts[3]->answer("run", {.lose = true});
  report = world.run();
  CHECK(event::exit_code(report) == 255);
  CHECK(report.hosts[3].error->code == ErrorCode::lost);
}

TEST_CASE("a host that can't be reached keeps no other from running; when all are out of reach, so is the run") {
  VisitWorld world(2);
  world.hosts[0]->refuse_connections(Error(ErrorCode::connect, "refused"));
  auto report = world.run();
  CHECK(event::exit_code(report) == 255);
  CHECK(report.outcome == Outcome::failed);
  CHECK(world.was_told(1, "run"));
  CHECK(report.hosts[0].error->host == "web1");
  world.hosts[1]->refuse_connections(Error(ErrorCode::auth, "no key"));
  report = world.run();
  CHECK(report.outcome == Outcome::unreachable);
  CHECK(event::exit_code(report) == 255);
}

TEST_CASE("a command that takes longer than its time counts as 124") {
  VisitWorld world(2);
  world.hosts[1]->answer("run", {.hang = true});
  const auto report = world.run(std::chrono::seconds(1));
  CHECK(event::exit_code(report) == 124);
  CHECK(report.hosts[1].error->code == ErrorCode::timeout);
}

TEST_CASE("a stop ends what runs, begins nothing more, and is exit code 130") {
  VisitWorld world(3);
  world.request.recipe.ssh.parallel = 2;
  world.hosts[0]->answer("run", {.exit = {9, ""}});
  world.hosts[1]->answer("run", {.hang = true});
  world.hosts[1]->before_each([&](const FakeCall&) { world.stop.request_stop(); });
  const auto report = world.run();
  CHECK(report.outcome == Outcome::interrupted);
  CHECK(event::exit_code(report) == 130);
  CHECK(report.hosts[1].error->code == ErrorCode::cancelled);
}

TEST_CASE("followed logs end well when they are told to, and a host that drops out is told at once") {
  VisitWorld world(3);
  world.request.recipe.logs = {"log/a.log", "it's.log"};
  world.request.recipe.ssh.parallel = 1;  // whoever is followed keeps its place, and the others follow all the same
  world.hosts[0]->answer("logs", {.out = "one\n", .hang = true});
  world.hosts[1]->answer("logs", {.lose = true});
  world.hosts[2]->answer("logs", {.hang = true});
  std::jthread person([&] {
    eventually([&] {
      return world.was_told(0, "logs") && world.was_told(2, "logs") && !world.events.all<event::Warning>().empty();
    });
    world.stop.request_stop();
  });
  const auto report = deploy::show_logs(world.request, {true, 5}, world.surroundings());
  CHECK(report.outcome == Outcome::failed);
  CHECK(event::exit_code(report) == 1);
  CHECK_FALSE(report.hosts[0].error);
  CHECK(report.hosts[1].error->code == ErrorCode::lost);
  REQUIRE(world.events.all<event::Warning>().size() == 1);
  CHECK(world.events.all<event::Warning>()[0].host == "web2");
  const std::string text = world.hosts[0]->calls()[0].text;
  CHECK(text.find("kk_follow='yes'\nkk_lines='5'\nkk_logs 'log/a.log' 'it'\\''s.log'\n") != std::string::npos);
}

TEST_CASE("followed logs of healthy hosts end with exit code 0, however they were stopped") {
  VisitWorld world(2);
  world.request.recipe.logs = {"a.log"};
  for (const auto& host : world.hosts) {
    host->answer("logs", {.hang = true});
    host->before_each([&](const FakeCall&) {
      if (eventually([&] { return world.was_told(0, "logs") && world.was_told(1, "logs"); })) world.stop.request_stop();
    });
  }
  const auto report = deploy::show_logs(world.request, {true, 10}, world.surroundings());
  CHECK(report.outcome == Outcome::done);
  CHECK(event::exit_code(report) == 0);
}
