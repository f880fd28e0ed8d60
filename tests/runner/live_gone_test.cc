// Hosts whose live release's folder somebody has removed by hand: `current` leads nowhere.
#include "support/catch.h"
#include "undo_world.h"

using namespace kirikae;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using event::Outcome;

namespace {

struct GoneWorld : UndoWorld {
  GoneWorld() : UndoWorld(1) {
    hosts[0]->answer("facts", {.out = facts_text(live, {"20261120000000 good", "20261121000000 good"},
                                                 "gone=releases/" + live + "\ncurrent=nowhere\n")});
  }
};

}  // namespace

TEST_CASE("a deploy says that the live release's folder is gone, and tasks before the new one run at home") {
  GoneWorld world;
  world.hook(recipe::HookPoint::after_connect, "warm");
  CHECK(world.deploy().outcome == Outcome::done);
  REQUIRE_THAT(warnings(world), ContainsSubstring("'current' points to release 20261122000000, whose folder is not there"));
  REQUIRE_THAT(world.text_of(0, "task warm", 1), ContainsSubstring("kk_folder=''\n"));
}

TEST_CASE("the way back to a live release whose folder is gone makes the link again, and runs the tasks at home") {
  GoneWorld world;
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  CHECK(world.deploy().outcome == Outcome::rolled_back);
  CHECK(world.told_from(0, "unpublish") == Names{"unpublish", "task restart", "settle"});
  REQUIRE_THAT(world.text_of(0, "unpublish", 1), ContainsSubstring("kk_wanted='releases/20261122000000'"));
  const std::string task = world.text_of(0, "task restart", 2);
  REQUIRE_THAT(task, ContainsSubstring("kk_folder=''\n") && ContainsSubstring("export RELEASE=''\n"));
}

TEST_CASE("a rollback leaves a live release whose folder is gone, and can be taken back") {
  GoneWorld world;
  world.hosts[0]->answer_once("task restart", {.exit = {1, ""}});
  const auto report = world.rollback();
  CHECK(report.outcome == Outcome::rolled_back);
  CHECK(report.release == "20261121000000");
  REQUIRE_THAT(world.text_of(0, "unpublish", 1), ContainsSubstring("kk_wanted='releases/20261122000000'"));
}

TEST_CASE("a diff with a live release whose folder is gone compares with nothing") {
  GoneWorld world;
  world.hosts[0]->answer("tree", {.out = "end 0\n"});
  const auto reading = deploy::diff(world.request, false, world.surroundings());
  CHECK(reading.report.outcome == Outcome::done);
  REQUIRE_THAT(reading.text, ContainsSubstring("no release is live"));
  CHECK_FALSE(has(world.text_of(0, "tree", 1), "kk_release="));
}
