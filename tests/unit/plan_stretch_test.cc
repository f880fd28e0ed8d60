// Where hosts wait for each other, and where they needn't.
#include "plan/stretch.h"

#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

namespace {

// "prepare unpack link seal | publish | settle": the stretches, by the steps of the first host in each.
std::string stretches_text(const plan::Plan& plan) {
  std::string text;
  for (const auto& stretch : plan::stretches(plan)) {
    if (!text.empty()) text += " | ";
    if (stretch.local != nullptr) text += "local " + stretch.local->task;
    if (stretch.hosts.empty()) continue;
    for (const auto& each : stretch.hosts.front().steps) text += (text.empty() || text.ends_with("| ") ? "" : " ") + plan::name_of(*each.step);
  }
  return text;
}

plan::Plan deploy_to(const recipe::Recipe& recipe, std::vector<plan::HostFacts> hosts) {
  auto plan = plan::build_deploy({recipe, std::move(hosts), now, "1a2b3c", 312, 5'100'000, "ann@laptop"});
  REQUIRE(plan);
  return *std::move(plan);
}

const std::vector<release::ReleaseOnHost> three = {good("20261120000000"), good("20261121000000"), good("20261122000000")};

}  // namespace

TEST_CASE("hosts wait for each other before and after the switch and around tasks, and nowhere else") {
  auto recipe = shop_recipe();
  const auto two = std::vector{a_host("app01", {"app", "db"}, "20261122000000", three), a_host("app02", {"app"}, "20261122000000", three)};
  CHECK(stretches_text(deploy_to(recipe, two)) ==
        "prepare unpack link | task install | task migrate | seal | publish | task restart | local announce | settle | prune");
  recipe.hooks.clear();
  CHECK(stretches_text(deploy_to(recipe, two)) == "prepare unpack link seal | publish | settle | prune");
}

TEST_CASE("a lone host waits for nobody") {
  auto recipe = shop_recipe();
  recipe.hooks.clear();
  const auto plan = deploy_to(recipe, {a_host("app01", {"app"}, "20261122000000", three)});
  CHECK(stretches_text(plan) == "prepare unpack link seal publish settle prune");
  CHECK(plan::stretches(plan).front().phases ==
        std::vector{event::Phase::upload, event::Phase::link, event::Phase::build, event::Phase::publish, event::Phase::prune});
}

TEST_CASE("a release that the way back may need is not pruned before all records are written") {
  auto recipe = shop_recipe();
  recipe.hooks.clear();
  // What is live is no good release, and so no keeper.
  auto releases = three;
  releases.push_back({"20261122120000", release::State::failed, "x", "ann@laptop"});
  CHECK(stretches_text(deploy_to(recipe, {a_host("app01", {"app"}, "20261122120000", releases)})) ==
        "prepare unpack link seal publish settle | prune");
}

TEST_CASE("a rollback of hosts of which one is there already waits for nobody") {
  auto recipe = shop_recipe();
  recipe.hooks.clear();
  const auto plan = plan::build_rollback({recipe,
                                          {a_host("app01", {"app"}, "20261122000000", three), a_host("app02", {"app"}, "20261121000000", three)},
                                          now,
                                          "20261121000000",
                                          "ann@laptop"});
  REQUIRE(plan);
  CHECK(stretches_text(*plan) == "publish settle");
}
