// The way back: what every host is told, and what is reported, when something fails from the switch on.
#include <algorithm>

#include "support/catch.h"
#include "undo_world.h"

using namespace kirikae;
using namespace kirikae::test;
using event::HostEnd;
using event::Outcome;
using recipe::HookPoint;

TEST_CASE("a switch that fails on one host takes the others back, tasks and records too") {
  UndoWorld world(3);
  world.hosts[1]->answer("publish", {.exit = {1, ""}, .err = "can't replace\n"});
  world.last_at(1, "publish");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::rolled_back);
  for (const std::size_t i : {0, 2}) {
    CHECK(report.hosts[i].end == HostEnd::undone);
    CHECK(report.hosts[i].live_after == world.live);
    CHECK(world.told_from(i, "publish") == Names{"publish", "publish", "task restart", "settle"});
    CHECK(has(world.text_of(i, "publish", 2), "kk_release='" + world.live + "'"));
    CHECK(has(world.text_of(i, "publish", 2), "kk_expect='" + report.release + "'"));
    CHECK(has(world.text_of(i, "settle", 1), "kk_to='failed'"));
    CHECK(has(world.text_of(i, "settle", 1), R"("result":"undone")"));
    CHECK(has(world.text_of(i, "settle", 1), "kk_line=''"));
  }
  CHECK(report.hosts[1].end == HostEnd::unchanged);
  CHECK(world.told_from(1, "publish") == Names{"publish", "mark failed"});
  CHECK(report.advice.empty());
  CHECK(failed_in_undo(world) == 0);
}

TEST_CASE("a task after the switch that fails takes every host back; the tasks there know what they are for") {
  UndoWorld world(2);
  world.hosts[1]->answer_once("task restart", {.exit = {1, ""}, .err = "no such service\n"});
  world.last_at(1, "task restart");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::rolled_back);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(report.hosts[i].end == HostEnd::undone);
    CHECK(world.told_from(i, "publish", 2) == Names{"publish", "task restart", "settle"});
    const auto task = world.text_of(i, "task restart", 2);
    CHECK(has(task, "DEPLOY_ACTION='undo'"));
    CHECK(has(task, "export RELEASE='" + world.live + "'"));
    CHECK(has(task, "PREVIOUS_RELEASE='" + report.release + "'"));
    CHECK(has(task, "kk_folder='/srv/shop/releases/" + world.live + "'"));
  }
  REQUIRE(report.hosts[1].error);
  CHECK(has(report.hosts[1].error->message, "no such service"));
}

TEST_CASE("a host that is lost in the switch is asked over a new connection, and taken back") {
  UndoWorld world(2);
  world.hosts[1]->answer_once("publish", {.lose = true});
  world.last_at(1, "publish");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::rolled_back);
  CHECK(report.hosts[1].end == HostEnd::undone);
  CHECK(report.hosts[1].live_after == world.live);
  CHECK(world.told_from(1, "publish", 2) == Names{"publish", "task restart", "settle"});
  CHECK(has(world.text_of(1, "facts", 2), "kk_lock\n"));
}

TEST_CASE("a host that is lost on its way back is reached once more; each part of the way may be done twice") {
  const std::string command = GENERATE("publish", "task restart", "settle");
  INFO(command);
  UndoWorld world(2);
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  world.last_at(0, "task restart");
  int seen = 0;
  world.hosts[1]->before_each([&](const FakeCall& call) {
    if (call.name == "task restart" && ++seen == 1) world.hosts[1]->answer_once(command, {.lose = true});
  });
  CHECK(world.deploy().outcome == Outcome::rolled_back);
  Names way = {"publish", "task restart", "settle"};
  // The lock is taken anew, and the step done again.
  way.insert(std::find(way.begin(), way.end(), command), {command, "facts"});
  CHECK(world.told_from(1, "publish", 2) == way);
}

TEST_CASE("a host that can't be reached any more is left to a person, the others go back") {
  UndoWorld world(3);
  world.hosts[1]->answer("publish", {.lose = true});
  world.last_at(1, "publish", [&] { world.hosts[1]->refuse_connections(Error(ErrorCode::connect, "no route to host")); });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[0].end == HostEnd::undone);
  CHECK(report.hosts[1].end == HostEnd::unknown);
  CHECK(report.hosts[1].live_after.empty());
  CHECK(report.hosts[2].end == HostEnd::undone);
  REQUIRE(report.errors.size() == 1);
  CHECK(has(to_text(report.errors[0]), "no route to host"));
  REQUIRE(report.advice.size() >= 2);
  CHECK(has(report.advice[0], "deploy status production --hosts web2"));
  CHECK(has(report.advice[1], "--to " + world.live + " --hosts web2"));
}

TEST_CASE("a host that refuses to be connected for its way back is tried again for a while, and whoever watches is told") {
  UndoWorld world(2);
  world.reach_again = std::chrono::seconds(20);
  world.hosts[1]->answer_once("publish", {.lose = true});
  world.last_at(1, "publish", [&] {
    world.hosts[1]->refuse_connections(Error(ErrorCode::connect, "connection refused"));
    world.hosts[1]->take_connections(2);
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::rolled_back);
  CHECK(report.hosts[1].end == HostEnd::undone);
  const auto warnings = world.events.all<event::Warning>();
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const auto& w) {
          return w.host == "web2" && w.text == "it can't be reached to be taken back, and is tried again for 20 s: connection refused";
        }) == 1);
}

TEST_CASE("a host whose lock another run holds for a moment is tried again for its way back, and not for ever") {
  UndoWorld world(2);
  const bool for_a_moment = GENERATE(true, false);
  world.reach_again = for_a_moment ? std::chrono::seconds(20) : std::chrono::milliseconds(300);
  world.hosts[1]->answer_once("publish", {.lose = true});
  const FakeAnswer taken = {.exit = {3, ""}, .out = "lock_by=bob@laptop\nlock_what=deploy production\n"};
  world.last_at(1, "publish", [&] {
    if (!for_a_moment) return world.hosts[1]->answer("facts", taken);
    for (int i = 0; i < 2; ++i) world.hosts[1]->answer_once("facts", taken);
  });
  const auto report = world.deploy();
  CHECK(report.outcome == (for_a_moment ? Outcome::rolled_back : Outcome::partial));
  CHECK(report.hosts[1].end == (for_a_moment ? HostEnd::undone : HostEnd::unknown));
  CHECK(has(warnings(world), "web2: it can't be locked to be taken back, and is tried again for "));
}

TEST_CASE("a host that refuses the key on the way back is not asked again") {
  UndoWorld world(2);
  world.reach_again = std::chrono::seconds(20);
  world.hosts[1]->answer("publish", {.lose = true});
  world.last_at(1, "publish", [&] {
    world.hosts[1]->refuse_connections(Error(ErrorCode::auth, "no key fits"));
    world.hosts[1]->take_connections(1);
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[1].end == HostEnd::unknown);
}

TEST_CASE("a host where no lock can be made any more is not taken back without one") {
  UndoWorld world(2);
  world.hosts[1]->answer_once("publish", {.lose = true});
  world.last_at(1, "publish", [&] {
    std::string unlocked = facts_text(world.live, {});
    unlocked.erase(0, unlocked.find('\n') + 1);
    world.hosts[1]->answer("facts", {.out = unlocked});
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[1].end == HostEnd::unknown);
  CHECK(world.times_told(1, "publish") == 1);
  REQUIRE(report.errors.size() == 1);
  CHECK(has(report.errors[0].message, "no lock can be made in '/srv/shop/.kirikae'"));
  CHECK(has(report.errors[0].message, "where it is full, remove a few files by hand: that is enough for 'deploy prune production'"));
}

TEST_CASE("the way back and the hooks behind a failure know the revision, also of a host that is alone") {
  UndoWorld world(1);
  world.request.revision.clear();
  world.request.recipe.hooks.clear();
  world.hook(HookPoint::failed, "save");
  world.hosts[0]->answer("settle", {.exit = {1, ""}});
  const auto report = world.deploy();
  REQUIRE(report.outcome == Outcome::rolled_back);
  const auto task = world.text_of(0, "task save", 1);
  const auto at = task.find("REVISION='");
  REQUIRE(at != std::string::npos);
  CHECK(task.find('\'', at + 10) - at - 10 == 64);  // the sum of the payload
  const auto settle = world.text_of(0, "settle", 2);
  CHECK_FALSE(has(settle, R"("revision":"")"));
}

TEST_CASE("the time on the way back is counted as the host's") {
  UndoWorld world(2);
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  world.last_at(0, "task restart");
  double connecting = 0, undoing = 0;
  world.events.on_event = [&](const event::Event& event) {
    const auto* ended = std::get_if<event::StepFinished>(&event.what);
    if (ended == nullptr || ended->host != "web2") return;
    if (ended->phase == event::Phase::undo) undoing += ended->seconds;
    if (ended->phase != event::Phase::undo) connecting += ended->step == "connect" ? 0 : ended->seconds;
  };
  const auto report = world.deploy();
  REQUIRE(undoing > 0);
  CHECK(report.hosts[1].seconds > connecting + undoing);
}

TEST_CASE("a way back that a host refuses is left to a person, with the others taken back") {
  UndoWorld world(2);
  world.hosts[0]->answer_once("publish", {});
  world.hosts[0]->answer("publish", {.exit = {4, ""}, .err = "somebody else has deployed\n"});
  world.hosts[1]->answer_once("task restart", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[0].end == HostEnd::unknown);  // what runs there is not ours
  CHECK(report.hosts[0].live_after.empty());
  CHECK(has(report.advice.front(), "somebody else has switched 'current' there"));
  for (const auto& advice : report.advice) CHECK_FALSE(has(advice, "rollback"));  // it would take the other's release back
  CHECK(report.hosts[1].end == HostEnd::undone);
  CHECK(world.told_from(0, "publish", 2) == Names{"publish"});
  CHECK(report.errors.empty());
  REQUIRE(report.hosts[0].error);
  CHECK(has(report.hosts[0].error->message, "somebody else has deployed"));
  CHECK(failed_in_undo(world) == 1);
}

TEST_CASE("a task that fails on the way back, too, is 'partial': the release serves again, its task has not run") {
  UndoWorld world(2);
  world.hosts[0]->answer("task restart", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(failed_in_undo(world) == 1);
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[0].end == HostEnd::undone);
  CHECK(report.hosts[0].live_after == world.live);
  CHECK(report.hosts[1].end == HostEnd::undone);
  REQUIRE(report.errors.size() == 1);
  CHECK(report.errors[0].host == "web1");
}

TEST_CASE("of the tasks on the way back, those that went well are not advised once more") {
  UndoWorld world(2);
  world.hook(HookPoint::after_publish, "warm");
  world.hook(HookPoint::after_publish, "tell");
  world.hosts[0]->answer("task warm", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(world.times_told(0, "task restart") == 2);
  REQUIRE(report.advice.size() >= 2);
  CHECK(has(report.advice[0], "deploy task production warm --hosts web1  # "));
  CHECK(has(report.advice[1], "deploy task production tell --hosts web1  # "));
  for (const auto& advice : report.advice) CHECK_FALSE(has(advice, "restart"));
}

TEST_CASE("a run whose lock was taken away accuses nobody of a switch, and says how a person goes back") {
  UndoWorld world(2);
  world.hosts[0]->answer_once("publish", {});
  world.hosts[0]->answer("publish", {.exit = {9, ""}, .err = "the lock is no longer ours\n"});
  world.hosts[1]->answer_once("task restart", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[0].end == HostEnd::unknown);
  CHECK(report.hosts[0].live_after.empty());
  CHECK(report.hosts[1].end == HostEnd::undone);
  REQUIRE(report.advice.size() == 3);
  CHECK(report.advice[0] == "deploy status production --hosts web1  # the lock was taken away: look first");
  CHECK(report.advice[1] == "deploy rollback production --to " + world.live + " --hosts web1  # takes it back");
}

TEST_CASE("records that can't be written on the way back are a warning") {
  UndoWorld world(1);
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  world.hosts[0]->answer("settle", {.exit = {1, ""}, .err = "no room\n"});
  CHECK(world.deploy().outcome == Outcome::rolled_back);
  const auto warnings = world.events.all<event::Warning>();
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const auto& w) { return has(w.text, "no room"); }));
}

TEST_CASE("a first deploy that fails after its switch takes `current` away, or gives it back to what was there, and runs the tasks in that") {
  UndoWorld world(1);
  const std::string target = GENERATE("", "target=releases/7\n", "target=releases/7\ncurrent=nowhere\n");
  INFO(target);
  const bool foreign = !target.empty();
  world.hosts[0]->answer("facts", {.out = facts_text("", {}, target)});
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::rolled_back);
  CHECK(report.hosts[0].live_after.empty());
  CHECK(world.told_from(0, "unpublish") == (foreign ? Names{"unpublish", "task restart", "settle"} : Names{"unpublish", "settle"}));
  CHECK(has(world.text_of(0, "unpublish", 1), foreign ? "kk_wanted='releases/7'" : "kk_wanted=''"));
  if (!foreign) return;
  const std::string task = world.text_of(0, "task restart", 2);
  // At home, where it leads nowhere.
  CHECK(has(task, has(target, "nowhere") ? "kk_folder=''\n" : "kk_folder='/srv/shop/current'\n"));
  CHECK(has(task, "export DEPLOY_ACTION='undo'\n"));
  CHECK(has(task, "export RELEASE=''\n"));
}

TEST_CASE("a task that fails where `current` is a link to something else again is advised where it has a folder to run in") {
  UndoWorld world(1);
  const bool nowhere = GENERATE(false, true);
  world.hosts[0]->answer("facts", {.out = facts_text("", {}, std::string("target=releases/7\n") + (nowhere ? "current=nowhere\n" : ""))});
  world.hosts[0]->answer("task restart", {.exit = {1, ""}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  REQUIRE(report.advice.size() == (nowhere ? 1 : 2));
  CHECK(report.advice.front().starts_with(nowhere ? "deploy production " : "deploy task production restart --hosts web1  # "));
}

TEST_CASE("a stop from the switch on lets switches that were begun end, then takes all back") {
  const std::string step = GENERATE("publish", "task restart");
  INFO(step);
  UndoWorld world(2);
  world.last_at(0, step, [&] { world.stop.request_stop(); });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::interrupted);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(report.hosts[i].end == HostEnd::undone);
    CHECK(report.hosts[i].live_after == world.live);
    CHECK(world.told_from(i, "publish", 2) == Names{"publish", "task restart", "settle"});
  }
}

TEST_CASE("a stop whose way back fails is 'partial'") {
  UndoWorld world(2);
  world.last_at(0, "task restart", [&] { world.stop.request_stop(); });
  int seen = 0;
  world.hosts[1]->before_each([&](const FakeCall& call) {
    if (call.name == "publish" && ++seen == 1) world.hosts[1]->answer_once("publish", {.exit = {1, ""}});
  });
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[1].end == HostEnd::switched_then_failed);
}

TEST_CASE("what fails when every host is settled is a warning, and only that host's rest is left out") {
  UndoWorld world(2);
  world.hook(HookPoint::before_prune, "sweep");
  world.hook(HookPoint::after_prune, "tell");
  if (GENERATE(false, true)) {
    world.hosts[0]->answer("task sweep", {.lose = true});
  } else {
    world.hosts[0]->answer("task sweep", {.exit = {1, ""}});
  }
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::done);
  CHECK(report.errors.empty());
  CHECK(report.advice.empty());
  for (const auto& host : report.hosts) CHECK(host.end == HostEnd::switched);
  CHECK(world.times_told(0, "publish") == 1);
  CHECK(world.times_told(0, "prune") == 0);
  CHECK(world.times_told(0, "task tell") == 0);
  CHECK(world.times_told(1, "prune") == 1);
  CHECK(world.times_told(1, "task tell") == 1);
  CHECK(has(warnings(world), "task sweep"));
}

TEST_CASE("a local task that fails when every host is settled ends the run, and fails nothing") {
  UndoWorld world(1);
  world.hook(HookPoint::before_prune, "tell", true, "exit 3");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::done);
  CHECK(world.times_told(0, "publish") == 1);
  CHECK(world.times_told(0, "prune") == 0);
  CHECK(has(warnings(world), "status 3"));
}

TEST_CASE("a local task that fails on the way back leaves something to a person, as one of a host does") {
  UndoWorld world(2);
  world.hook(HookPoint::after_publish, "balance", true, "[ \"$DEPLOY_ACTION\" != undo ]");
  world.hosts[1]->answer_once("task restart", {.exit = {1, ""}});
  world.last_at(1, "task restart");
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::partial);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(report.hosts[i].end == HostEnd::undone);
    CHECK(report.hosts[i].live_after == world.live);
    CHECK(world.told_from(i, "publish", 2) == Names{"publish", "task restart", "settle"});
    CHECK(has(world.text_of(i, "settle", 1), plan::tasks_missing));
  }
  REQUIRE(report.errors.size() == 1);
  CHECK(has(to_text(report.errors[0]), "undo: task balance"));
  REQUIRE(report.advice.size() == 2);
  CHECK(report.advice[0] ==
        "deploy task production balance  # once 'current' is back everywhere; this task of this machine has not run to its end");
}

TEST_CASE("a rollback is not taken back for a task that says that it is done") {
  UndoWorld world(2);
  world.hook(HookPoint::after_rollback, "tell");
  world.hosts[0]->answer("task tell", {.exit = {1, ""}});
  const auto report = world.rollback();
  CHECK(report.outcome == Outcome::done);
  CHECK(world.times_told(0, "publish") == 1);
  CHECK(world.times_told(1, "task tell") == 1);
}

TEST_CASE("a stop while a task runs behind the settling is told as one") {
  UndoWorld world(1);
  world.hook(HookPoint::after_prune, "tell");
  world.hook(HookPoint::failed, "clean up");
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name == "task tell") world.stop.request_stop();
  });
  world.hosts[0]->answer("task tell", {.exit = {143, "TERM"}});
  const auto report = world.deploy();
  CHECK(report.outcome == Outcome::interrupted);
  CHECK(report.hosts[0].end == HostEnd::switched);
  CHECK(world.times_told(0, "publish") == 1);
  CHECK(world.times_told(0, "task clean up") == 0);  // the new release serves
}
