#include "run_world.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::test;
using event::HostEnd;
using event::Outcome;
using recipe::HookPoint;

namespace {

const std::vector<std::string> whole_way = {"facts", "prepare", "receive",      "link",   "task build",
                                            "seal",  "publish", "task restart", "settle", "prune"};

std::vector<std::string> warnings_of(const RunWorld& world) {
  std::vector<std::string> texts;
  for (const auto& warning : world.events.all<event::Warning>()) texts.push_back(warning.host + ": " + warning.text);
  return texts;
}

struct UsualWorld : RunWorld {
  explicit UsualWorld(int count) : RunWorld(count) {
    hook(HookPoint::build, "build");
    hook(HookPoint::after_publish, "restart");
  }
  // `host` begins `command` last of all, and then `what` happens.
  void last_at(std::size_t host, const std::string& command, const std::function<void()>& what = [] {}) {
    hosts[host]->before_each([this, command, what](const FakeCall& call) {
      if (call.name != command) return;
      for (std::size_t i = 0; i < hosts.size(); ++i) eventually([&] { return was_told(i, command); });
      what();
    });
  }
};

}  // namespace

TEST_CASE("a deploy takes every host the same way, step by step") {
  UsualWorld world(2);
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::done);
  for (const auto& host : world.hosts) CHECK(host->names() == whole_way);
  CHECK(report.hosts[1].end == HostEnd::switched);
  CHECK(report.hosts[1].live_before == world.live);
  CHECK(report.hosts[1].live_after == report.release);
  CHECK(report.release == "20261123050000");
  CHECK(world.hosts[0]->closed());
}

TEST_CASE("no host is switched before every host's release is sealed") {
  UsualWorld world(3);
  bool too_early = true;
  world.hosts[2]->before_each([&](const FakeCall& call) {
    if (call.name != "seal") return;
    // The others have had their turn and wait here; were there no barrier, they would go on.
    eventually([&] { return world.was_told(0, "seal") && world.was_told(1, "seal"); });
    too_early = eventually([&] { return world.was_told(0, "publish") || world.was_told(1, "publish"); },
                           std::chrono::milliseconds(200));
  });
  CHECK(world.deploy().outcome == Outcome::done);
  CHECK_FALSE(too_early);
}

TEST_CASE("tasks of one hook run one after the other: the next begins when every host has done the one before") {
  UsualWorld world(2);
  world.hook(HookPoint::build, "second");
  bool too_early = true;
  world.hosts[1]->before_each([&](const FakeCall& call) {
    if (call.name != "task build") return;
    too_early = eventually([&] { return world.was_told(0, "task second"); }, std::chrono::milliseconds(200));
  });
  CHECK(world.deploy().outcome == Outcome::done);
  CHECK_FALSE(too_early);
}

TEST_CASE("the first failure lets other hosts finish what they were told in one go, and begin nothing further") {
  UsualWorld world(2);
  world.hosts[0]->answer("prepare", {.exit = {1, ""}, .err = "no room left\n"});
  world.last_at(0, "prepare");
  world.hosts[1]->before_each([&](const FakeCall& call) {
    if (call.name != "prepare") return;
    eventually([&] {
      const auto ended = world.events.all<event::StepFinished>();
      return std::any_of(ended.begin(), ended.end(),
                         [](const auto& step) { return step.step == "prepare" && step.error; });
    });
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  CHECK(world.hosts[1]->names() == std::vector<std::string>{"facts", "prepare", "receive", "link", "mark failed"});
  REQUIRE(report.hosts[0].error);
  CHECK(report.hosts[0].error->message.find("no room left") != std::string::npos);
  CHECK_FALSE(report.hosts[1].error);
  CHECK(report.hosts[1].end == HostEnd::unchanged);
}

TEST_CASE(
    "whatever step fails before the switch, no host is switched, and the release is marked failed where it was begun") {
  const std::size_t step = GENERATE(range(std::size_t{1}, std::size_t{6}));
  const FakeAnswer how =
      GENERATE(FakeAnswer{.exit = {3, ""}}, FakeAnswer{.exit = {137, "KILL"}}, FakeAnswer{.lose = true},
               FakeAnswer{.error = Error(ErrorCode::timeout, "took too long")});
  UsualWorld world(3);
  world.hosts[1]->answer(whole_way[step], how);
  const auto report = world.deploy();
  INFO(whole_way[step]);
  CHECK(report.outcome == Outcome::failed);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_FALSE(world.was_told(i, "publish"));
    CHECK(report.hosts[i].end == HostEnd::unchanged);
    CHECK(report.hosts[i].live_after == world.live);
    CHECK(world.times_told(i, "mark failed") == (world.was_told(i, "prepare") && !(i == 1 && how.lose) ? 1 : 0));
  }
  CHECK(report.hosts[1].error);
  CHECK(report.advice.empty());
}

TEST_CASE("a switch on one host that fails alone, where no other was switched, is 'failed'") {
  UsualWorld world(1);
  world.hosts[0]->answer("publish", {.exit = {1, ""}, .err = "can't replace\n"});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  CHECK(report.hosts[0].end == HostEnd::unchanged);
  CHECK(world.was_told(0, "mark failed"));
}

TEST_CASE("a prune that fails is a warning, and the deploy is done") {
  UsualWorld world(2);
  world.hosts[0]->answer("prune", {.exit = {1, ""}, .err = "can't remove\n"});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::done);
  CHECK(report.hosts[0].end == HostEnd::switched);
  REQUIRE(warnings_of(world).size() == 1);
  CHECK(warnings_of(world)[0].find("web1: prune ended with status 1") == 0);
}

TEST_CASE("a stop that is asked for before the switch ends the run as interrupted, with nothing switched") {
  const std::string step = whole_way[GENERATE(range(std::size_t{0}, std::size_t{6}))];
  INFO(step);
  UsualWorld world(2);
  // The first host is locked and read before the others.
  world.last_at(step == "facts" ? 1 : 0, step, [&] { world.stop.request_stop(); });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::interrupted);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK_FALSE(world.was_told(i, "publish"));
    CHECK(report.hosts[i].end == HostEnd::unchanged);
    CHECK(report.hosts[i].live_after == world.live);
    CHECK(world.times_told(i, "mark failed") == (step == "facts" ? 0 : 1));
  }
}

TEST_CASE("a stop that is asked for once the records are being written changes nothing of a release that serves") {
  UsualWorld world(2);
  SECTION("in 'settle': it is finished, old releases stay") {
    world.last_at(0, "settle", [&] { world.stop.request_stop(); });
    CHECK(world.deploy().outcome == Outcome::interrupted);
    CHECK_FALSE(world.was_told(0, "prune"));
  }
  SECTION("in 'prune': nothing was left to do but that") {
    for (const auto& host : world.hosts) host->answer("prune", {.hang = true});
    world.last_at(0, "prune", [&] { world.stop.request_stop(); });
    CHECK(world.deploy().outcome == Outcome::done);
    CHECK(warnings_of(world).size() == 2);
  }
  CHECK(world.hosts[0]->names().back() != "mark failed");
}

TEST_CASE("a host that is lost while it has nothing to do is noticed before the next round; nothing is switched") {
  UsualWorld world(2);
  world.request.recipe.tasks["build"].roles = {"slow"};
  world.request.hosts[0].roles = {"slow"};
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name == "task build") world.hosts[1]->lose();
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  REQUIRE(report.hosts[1].error);
  CHECK(report.hosts[1].error->code == ErrorCode::lost);
  CHECK_FALSE(world.was_told(1, "seal"));
  CHECK_FALSE(world.was_told(0, "publish"));
}

TEST_CASE("a local task that takes longer than its time is told with it") {
  UsualWorld world(1);
  world.hook(HookPoint::before_connect, "wait", true, "mkfifo never; read line <never");
  world.request.recipe.tasks["wait"].timeout = std::chrono::seconds(1);
  const auto report = world.deploy();
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].code == ErrorCode::timeout);
  CHECK(to_text(report.errors[0]) == "task wait (on this machine): it took longer than 1 s; it was ended here");
}

TEST_CASE("'failed' hooks run once on each host that the release was begun on, and here; their failures are warnings") {
  UsualWorld world(2);
  world.hook(HookPoint::failed, "save");
  world.hook(HookPoint::failed, "tell", true, "echo \"$RELEASE\" >>told; exit 5");
  world.hosts[0]->answer("task build", {.exit = {1, ""}});
  world.hosts[1]->answer("task save", {.exit = {2, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  CHECK(world.times_told(0, "task save") == 1);
  CHECK(world.times_told(1, "task save") == 1);
  CHECK(world.folder.read("told") == report.release + "\n");
  CHECK(warnings_of(world).size() == 2);
  CHECK_FALSE(report.hosts[1].error);  // what 'failed' hooks do is no error of the host
}

TEST_CASE(
    "'failed' hooks run after a failure past the switch, too; a failure before anything was begun runs only those of "
    "this machine") {
  UsualWorld world(2);
  world.hook(HookPoint::failed, "save");
  world.hook(HookPoint::failed, "tell", true, "echo x >>told");
  SECTION("past the switch") {
    world.hosts[0]->answer("task restart", {.exit = {1, ""}});
    CHECK(world.deploy().outcome == Outcome::partial);  // the way back calls it too
    CHECK(world.times_told(0, "task save") == 1);
  }
  SECTION("in preflight") {
    world.hosts[0]->answer("facts", {.out = facts_text("", {}, "problem=there is no 'tar' here\n")});
    CHECK(world.deploy().outcome == Outcome::failed);
    CHECK(world.hosts[0]->names() == std::vector<std::string>{"facts"});
    CHECK(world.hosts[1]->names() == std::vector<std::string>{"facts"});
  }
  SECTION("connecting") {
    world.hosts[0]->refuse_connections(Error(ErrorCode::auth, "no key fits"));
    const auto report = world.deploy();
    CHECK(report.outcome == Outcome::unreachable);
    CHECK(world.hosts[1]->names() == std::vector<std::string>{"facts"});
  }
  CHECK(world.folder.read("told") == "x\n");
}

TEST_CASE("what runs after a failure has a limit in time, also where the recipe gives it none") {
  UsualWorld world(1);
  world.hook(HookPoint::failed, "save");
  world.hook(HookPoint::failed, "brief");
  world.request.recipe.tasks["brief"].timeout = std::chrono::seconds(20);
  world.hosts[0]->answer("task build", {.exit = {1, ""}});
  CHECK(world.deploy().outcome == Outcome::failed);
  for (const auto& call : world.hosts[0]->calls()) {
    if (call.name == "task build") CHECK(call.deadline.is_never());
    if (call.name == "task save") CHECK(call.deadline.left() <= std::chrono::minutes(5));
    if (call.name == "task brief") CHECK(call.deadline.left() <= std::chrono::seconds(20));
  }
  CHECK(world.was_told(0, "task brief"));
}

TEST_CASE("each step of a row has its own limit in time: a switch a short one, the pruning behind it a long one") {
  UsualWorld world(1);
  world.request.recipe.hooks.clear();
  CHECK(world.deploy().outcome == Outcome::done);
  for (const auto& call : world.hosts[0]->calls()) {
    if (call.name == "publish" || call.name == "settle") CHECK(call.deadline.left() <= std::chrono::minutes(2));
    if (call.name == "prune") CHECK(call.deadline.left() > std::chrono::minutes(20));
  }
  CHECK(world.was_told(0, "prune"));
}

TEST_CASE("under a limit of the rate an upload has as much more time as a host's share of it takes") {
  UsualWorld world(2);
  world.request.recipe.hooks.clear();
  std::filesystem::resize_file(world.folder.write("app/zeros", ""), 3'600'000);  // next to nothing when it is packed
  world.request.recipe.limit_rate = 2000;
  CHECK(world.deploy().outcome == Outcome::done);
  for (const auto& call : world.hosts[0]->calls()) {
    if (call.name != "receive") continue;
    CHECK(call.deadline.left() > std::chrono::minutes(110));
    CHECK(call.deadline.left() < std::chrono::minutes(130));
  }
  CHECK(world.was_told(0, "receive"));
}

TEST_CASE("a step before which the lock was lost is told so; a task's own status 9 is its own") {
  UsualWorld world(1);
  const bool lost = GENERATE(true, false);
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name != "link") return;
    const auto at = call.text.find("kk_token='") + 10;
    const std::string token = call.text.substr(at, call.text.find('\'', at) - at);
    const std::string words = "the lock of '/srv/shop' is no longer ours, bob@desk has it (deploy production): nothing was changed\n";
    world.hosts[0]->answer("task build", lost ? FakeAnswer{.exit = {9, ""}, .out = "lost=" + token + "\n", .err = words}
                                              : FakeAnswer{.exit = {9, ""}, .out = "lost=another\n", .err = "out of paper\n"});
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  REQUIRE(report.hosts[0].error);
  CHECK(report.hosts[0].error->code == (lost ? ErrorCode::locked : ErrorCode::remote));
  CHECK(report.hosts[0].error->message ==
        (lost ? "task build was not begun: the lock of '/srv/shop' is no longer ours, bob@desk has it (deploy production): nothing was changed"
              : "task build ended with status 9:\n  out of paper"));
  std::vector<std::string> lines;
  for (const auto& output : world.events.all<event::Output>()) lines.push_back(output.line);
  CHECK(lines.size() == (lost ? 1 : 2));
}

TEST_CASE("a host whose connection has gone before its switch was sent is unchanged") {
  UsualWorld world(1);
  world.request.recipe.hooks.clear();
  world.events.on_event = [&](const event::Event& event) {
    const auto* ended = std::get_if<event::StepFinished>(&event.what);
    if (ended != nullptr && ended->step == "seal") world.hosts[0]->lose();
  };
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  CHECK(report.hosts[0].end == HostEnd::unchanged);
  CHECK_FALSE(world.was_told(0, "publish"));
}

TEST_CASE("the payload is packed once, and every host gets the same bytes") {
  UsualWorld world(3);
  CHECK(world.deploy().outcome == Outcome::done);
  std::vector<std::string> payloads;
  for (const auto& host : world.hosts) {
    for (const auto& call : host->calls()) {
      if (call.name == "receive") payloads.push_back(call.payload);
    }
  }
  REQUIRE(payloads.size() == 3);
  CHECK(payloads[0].size() > 20);
  CHECK(payloads[0] == payloads[1]);
  CHECK(payloads[0] == payloads[2]);
}

TEST_CASE("a local task that fails ends the run between the hosts' steps") {
  UsualWorld world(1);
  world.hook(HookPoint::before_publish, "check", true, "echo no good >&2; exit 4");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::failed);
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].message.find("status 4") != std::string::npos);
  CHECK_FALSE(world.was_told(0, "publish"));
  CHECK(world.was_told(0, "mark failed"));
}

TEST_CASE("a rollback switches, runs the hooks and settles; a host that is there already is left alone") {
  UsualWorld world(2);
  world.hook(HookPoint::after_rollback, "tell");
  world.hosts[1]->answer(
      "facts",
      {.out = facts_text("20261121000000", {"20261120000000 good", "20261121000000 good", world.live + " bad"})});
  const auto report = world.rollback();
  CHECK(report.outcome == Outcome::done);
  CHECK(report.release == "20261121000000");
  CHECK(world.hosts[0]->names() == std::vector<std::string>{"facts", "publish", "task restart", "settle", "task tell"});
  CHECK(world.hosts[1]->names() == std::vector<std::string>{"facts", "log"});
  const std::string line = world.hosts[1]->calls().back().text;
  CHECK(line.find(R"("action":"rollback")") != std::string::npos);
  CHECK(line.find(R"("result":"already there")") != std::string::npos);
  CHECK(report.hosts[1].end == HostEnd::already);
}
