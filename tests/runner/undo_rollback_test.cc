// The way back of rollbacks, and where one had died before.
#include "support/catch.h"
#include "undo_world.h"

using namespace kirikae;
using namespace kirikae::test;
using event::Outcome;

TEST_CASE("a rollback that fails after its switch goes forward again to what ran, and marks nothing as bad or failed") {
  UndoWorld world(2);
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  world.last_at(0, "task restart");
  const auto report = world.rollback();
  CHECK(report.outcome == Outcome::rolled_back);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(world.hosts[i]->names() == Names{"facts", "publish", "task restart", "publish", "task restart", "settle"});
    CHECK(report.hosts[i].live_after == world.live);
    const auto settle = world.text_of(i, "settle", 1);
    CHECK(has(settle, "kk_release='" + world.live + "'\nkk_to='good'"));
    CHECK_FALSE(has(settle, "'bad'"));
    CHECK_FALSE(has(settle, "'failed'"));
  }
}

TEST_CASE("a rollback that fails before its switch is in the audit of the hosts that it was to switch, and marks nothing") {
  UndoWorld world(3);
  world.hook(recipe::HookPoint::before_publish, "check");
  world.hosts[1]->answer("task check", {.exit = {7, ""}});
  world.hosts[1]->before_each([&](const FakeCall& call) {
    if (call.name == "task check") eventually([&] { return world.was_told(0, "task check"); });
  });
  world.hosts[2]->answer("facts", {.out = facts_text("20261121000000", {"20261120000000 good", "20261121000000 good", world.live + " bad"})});
  CHECK(world.rollback().outcome == Outcome::failed);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(world.hosts[i]->names() == Names{"facts", "task check", "log"});
    const auto log = world.text_of(i, "log", 1);
    CHECK(has(log, R"("action":"rollback","application":"shop","stage":"production","release":"20261121000000")"));
    CHECK(has(log, R"("result":"failed")"));
  }
  CHECK(world.hosts[2]->names() == Names{"facts"});
}

TEST_CASE("where a rollback had died, the next one's way back leaves its note until the tasks have gone well") {
  UndoWorld world(2);
  const bool tasks_go_well = GENERATE(false, true), further = GENERATE(false, true);
  INFO(tasks_go_well << further);
  world.hosts[0]->answer("facts", {.out = facts_text("20261121000000", {"20261120000000 good", "20261121000000 good", world.live + " good"},
                                                     "unsettled=" + world.live + "\n")});
  if (tasks_go_well) {
    world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  } else {
    world.hosts[0]->answer("task restart", {.exit = {1, ""}});
  }
  world.last_at(0, "task restart");
  const auto report = deploy::rollback(world.request, further ? "20261120000000" : "20261121000000", world.surroundings());
  CHECK(report.outcome == (tasks_go_well ? Outcome::rolled_back : Outcome::partial));
  CHECK(report.hosts[0].live_after == "20261121000000");
  CHECK(has(world.text_of(0, "publish", 2), "kk_leaves='" + world.live + "'"));
  CHECK(has(world.text_of(1, "publish", 2), "kk_leaves=''"));
  CHECK(has(world.text_of(0, "settle", 1), "kk_end_rollback") == tasks_go_well);
  CHECK(has(world.text_of(1, "settle", 1), "kk_end_rollback"));
}

TEST_CASE("a deploy that is taken back where a rollback had died leaves the note of it, unless the tasks have gone well") {
  UndoWorld world(1);
  const bool tasks_go_well = GENERATE(false, true);
  const auto facts = facts_text("20261121000000", {"20261121000000 good", world.live + " good"}, "unsettled=" + world.live + "\n");
  world.hosts[0]->answer("facts", {.out = facts});
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  if (!tasks_go_well) world.hosts[0]->answer("task restart", {.exit = {1, ""}});
  CHECK(world.deploy().outcome == (tasks_go_well ? Outcome::rolled_back : Outcome::partial));
  CHECK(has(world.text_of(0, "publish", 2), "kk_leaves='" + world.live + "'"));
  CHECK(has(world.text_of(0, "settle", 1), "kk_end_rollback") == tasks_go_well);
}
