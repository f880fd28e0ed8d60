#include "plan/prune.h"

#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;
using release::State;

namespace {

release::ReleaseOnHost a_release(const std::string& id, std::optional<State> state) { return {id, state, "", "ann@laptop"}; }

std::vector<std::string> pruned(const std::string& live, std::vector<release::ReleaseOnHost> releases, int keep, const std::string& target = {}) {
  return release::to_prune_now(a_host("a", {}, live, std::move(releases)).facts, target, keep);
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("prune keeps the live release, so many good ones, and what a rollback would go to") {
  const std::vector<release::ReleaseOnHost> five = {good("20261101000000"), good("20261102000000"), good("20261103000000"),
                                                    good("20261104000000"), good("20261105000000")};
  CHECK(pruned("20261105000000", five, 2) == Ids{"20261101000000", "20261102000000", "20261103000000"});
  CHECK(pruned("20261105000000", five, 1) == Ids{"20261101000000", "20261102000000", "20261103000000"});
  CHECK(pruned("20261105000000", five, 1, "20261102000000") == Ids{"20261101000000", "20261103000000"});
  CHECK(pruned("20261105000000", five, 5).empty());
  // After a rollback, newer ones stay.
  CHECK(pruned("20261103000000", five, 1) == Ids{"20261101000000"});
}

TEST_CASE("prune removes what dead runs have left, newer than live or not, and nothing of other tools") {
  const std::vector<release::ReleaseOnHost> all = {
      a_release("20261101000000", std::nullopt),     a_release("20261102000000", State::failed), a_release("20261103000000", State::ready),
      good("20261104000000"),                        a_release("20261105000000", State::preparing), a_release("20261106000000", State::failed),
      a_release("20261107000000", State::ready),     a_release("20261108000000", State::bad)};
  CHECK(pruned("20261104000000", all, 5) ==
        Ids{"20261102000000", "20261103000000", "20261105000000", "20261106000000", "20261107000000"});
  CHECK(pruned("", all, 5) == Ids{"20261102000000", "20261103000000", "20261105000000", "20261106000000", "20261107000000"});
}

TEST_CASE("the plan of a prune removes and logs on the hosts that have something to remove, with the hooks around it") {
  auto recipe = shop_recipe();
  recipe.tasks["once"] = recipe.tasks.at("install");
  recipe.tasks["once"].once = true;
  recipe.hooks[recipe::HookPoint::before_prune] = {"install", "once"};
  const std::vector<release::ReleaseOnHost> three = {good("20261120000000"), good("20261121000000"), good("20261122000000")};
  const auto plan = plan::build_prune(
      {recipe,
       {a_host("db1", {"db"}, "20261121000000", {good("20261121000000")}),
        a_host("app1", {"app"}, "20261122000000", three), a_host("app2", {"app"}, "20261122000000", three)},
       now,
       1,
       "ann@laptop"});
  REQUIRE(plan);
  CHECK(plan::prune_text(*plan) == "app[1,2]: would remove 20261120000000\n");
  CHECK(plan::pruned_text(*plan) == "app[1,2]: removed 20261120000000\n");
  REQUIRE(plan->rounds.size() == 3);
  REQUIRE(plan->rounds[0].hosts.size() == 2);
  CHECK(plan->rounds[0].hosts[0].host == 1);
  const auto& task = std::get<plan::RunTask>(plan->rounds[0].hosts[0].steps.at(0));
  CHECK(task.environment.at("DEPLOY_ACTION") == "prune");
  CHECK(task.environment.at("RELEASE") == "20261122000000");
  REQUIRE(plan->rounds[1].hosts.size() == 1);
  CHECK(plan->rounds[1].hosts[0].host == 1);
  REQUIRE(plan->rounds[2].hosts.size() == 2);
  const auto& settle = std::get<plan::Settle>(plan->rounds[2].hosts.at(0).steps.at(1));
  CHECK(settle.marks.empty());
  CHECK(settle.entry.detail == "removed 20261120000000");
  CHECK(plan::revisions_line(settle.entry).empty());
}

TEST_CASE("a prune with nothing to remove has no rounds, and runs no hook") {
  auto recipe = shop_recipe();
  recipe.hooks[recipe::HookPoint::before_prune] = {"install"};
  const auto plan = plan::build_prune({recipe, {a_host("app1", {"app"}, "20261122000000", {good("20261122000000")})}, now, std::nullopt, "a@b"});
  REQUIRE(plan);
  CHECK(plan->rounds.empty());
  CHECK(plan::prune_text(*plan) == "there is nothing to remove\n");
}

TEST_CASE("what an earlier prune could not remove is something to remove, by itself or with releases") {
  const std::vector<release::ReleaseOnHost> three = {good("20261120000000"), good("20261121000000"), good("20261122000000")};
  std::vector<plan::HostFacts> hosts = {a_host("app1", {"app"}, "20261122000000", {good("20261122000000")}),
                                        a_host("app2", {"app"}, "20261122000000", three), a_host("app3", {"app"}, "20261122000000", three)};
  hosts[0].facts.half_pruned = hosts[1].facts.half_pruned = true;
  const auto plan = plan::build_prune({shop_recipe(), hosts, now, 1, "ann@laptop"});
  REQUIRE(plan);
  CHECK(plan::prune_text(*plan) == "app1: would remove what an earlier prune has left\n"
                                   "app2: would remove 20261120000000, what an earlier prune has left\n"
                                   "app3: would remove 20261120000000\n");
  REQUIRE(plan->rounds.size() == 1);
  CHECK(std::get<plan::Prune>(plan->rounds[0].hosts.at(0).steps.at(0)).ids.empty());
  CHECK(std::get<plan::Settle>(plan->rounds[0].hosts.at(0).steps.at(1)).entry.detail == "removed what an earlier prune has left");
}

TEST_CASE("the audit names a few of many releases that were removed, and how many more there were") {
  std::vector<release::ReleaseOnHost> many;
  for (int i = 100; i < 600; ++i) many.push_back(good("20261101000" + std::to_string(i)));
  const auto plan = plan::build_prune({shop_recipe(), {a_host("app1", {"app"}, many.back().id, many)}, now, 1, "ann@laptop"});
  REQUIRE(plan);
  const std::string few = "20261101000100, 20261101000101, 20261101000102, 20261101000103, 20261101000104, 20261101000105, 20261101000106, "
                          "20261101000107, 20261101000108, 20261101000109, 488 more";
  const auto& steps = plan->rounds.at(0).hosts.at(0).steps;
  CHECK(std::get<plan::Prune>(steps.at(0)).ids.size() == 498);
  CHECK(std::get<plan::Settle>(steps.at(1)).entry.detail == "removed " + few);
  CHECK(plan::failed_prune_line(*plan, plan->hosts.at(0)).find(R"("detail":"was to remove )" + few + '"') != std::string::npos);
  CHECK(plan::pruned_text(*plan).find(many.at(497).id) != std::string::npos);
}
