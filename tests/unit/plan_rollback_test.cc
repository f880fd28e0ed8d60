#include "plan/plan.h"
#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

TEST_CASE("a rollback takes the same release on all hosts, leaves hosts that run it alone, and condemns what it leaves") {
  const auto recipe = shop_recipe();
  const std::vector<release::ReleaseOnHost> both = {good("20261121000000"), good("20261122000000")};
  auto app3 = a_host("app3", {"app"}, "20261121000000", both);
  app3.facts.unsettled = "20261122000000";  // an earlier rollback has died there behind its switch
  const auto plan = plan::build_rollback({recipe,
                                          {a_host("app1", {"app"}, "20261122000000", both), a_host("app2", {"app"}, "20261121000000", both), app3},
                                          now,
                                          std::nullopt,
                                          "ann@laptop"});
  REQUIRE(plan);
  CHECK(plan::to_text(*plan, std::nullopt) == R"(roll back shop to production: release 20261121000000, revision r00

app1
  switch         current -> releases/20261121000000 (now 20261122000000)
  run            restart (publish)
  run here       announce (publish, on this machine, once)
  mark           20261121000000 good
  mark           20261122000000 bad
  if that fails  current -> releases/20261122000000, restart

app2
  nothing        it runs 20261121000000 already

app3
  finish         the rollback to 20261121000000, which has died behind its switch
  run            restart (publish)
  run here       announce (publish, on this machine, once)
  mark           20261121000000 good
  mark           20261122000000 bad
  if that fails  current -> releases/20261121000000, restart

nothing was changed
)");
}

TEST_CASE("a rollback to a newer release clears its mark and condemns nothing") {
  const auto recipe = shop_recipe();
  std::vector<release::ReleaseOnHost> both = {good("20261121000000"), good("20261122000000")};
  both[1].state = release::State::bad;
  const auto plan = plan::build_rollback(
      {recipe, {a_host("app1", {"app"}, "20261121000000", both)}, now, std::string("20261122000000"), "ann@laptop"});
  REQUIRE(plan);
  const auto& settle = std::get<plan::Settle>(plan->rounds.back().hosts.front().steps.front());
  CHECK(settle.marks == std::vector<std::pair<std::string, release::State>>{{"20261122000000", release::State::good}});
  CHECK(plan::revisions_line(settle.entry) == "ann rolled back to release 20261122000000");
}

TEST_CASE("where a rollback has died behind its switch, one to another release condemns what that had left, with the switch") {
  const auto recipe = shop_recipe();
  const std::vector<release::ReleaseOnHost> all = {good("20261120000000"), good("20261121000000"), good("20261122000000"), good("20261123000000")};
  auto died = a_host("app1", {"app"}, "20261121000000", all);
  died.facts.unsettled = "20261122000000";
  const auto condemned_by = [&](const std::optional<std::string>& to) {
    const auto plan = plan::build_rollback({recipe, {died, a_host("app2", {"app"}, "20261122000000", all)}, now, to, "ann@laptop"});
    REQUIRE(plan);
    std::vector<std::string> condemned;
    for (const auto& round : plan->rounds) {
      for (const auto& work : round.hosts) {
        if (const auto* publish = std::get_if<plan::Publish>(&work.steps.front())) condemned.push_back(publish->condemned);
      }
    }
    return condemned;
  };
  CHECK(condemned_by("20261120000000") == std::vector<std::string>{died.facts.unsettled, ""});
  CHECK(condemned_by("20261123000000") == std::vector<std::string>{died.facts.unsettled, ""});
  CHECK(condemned_by("20261122000000") == std::vector<std::string>{""});      // it is what is wanted
  CHECK(condemned_by(std::nullopt) == std::vector<std::string>{"", ""});       // the same again: its note stays to the end
}

TEST_CASE("a task that runs once takes a host that takes part: not one that runs the target already, nor, on the way back, one that ran nothing") {
  auto recipe = shop_recipe();
  recipe.tasks.at("restart").once = true;
  const std::vector<release::ReleaseOnHost> both = {good("20261121000000"), good("20261122000000")};
  const auto hosts_with = [](const std::vector<plan::Round>& rounds) {
    std::vector<std::size_t> hosts;
    for (const auto& round : rounds) {
      for (const auto& work : round.hosts) {
        if (std::holds_alternative<plan::RunTask>(work.steps.front())) hosts.push_back(work.host);
      }
    }
    return hosts;
  };
  auto there = a_host("app1", {"app"}, "20261121000000", both);
  there.host.primary = true;
  auto plan = plan::build_rollback({recipe, {there, a_host("app2", {"app"}, "20261122000000", both), a_host("app3", {"app"}, "20261122000000", both)},
                                    now, std::nullopt, "ann@laptop"});
  REQUIRE(plan);
  CHECK(hosts_with(plan->rounds) == std::vector<std::size_t>{1});
  CHECK(hosts_with(plan->undo) == std::vector<std::size_t>{1});
  plan = plan::build_rollback({recipe, {a_host("app1", {"app"}, {}, both), a_host("app2", {"app"}, "20261122000000", both)}, now,
                               std::string("20261121000000"), "ann@laptop"});
  REQUIRE(plan);
  CHECK(hosts_with(plan->rounds) == std::vector<std::size_t>{0});
  CHECK(hosts_with(plan->undo) == std::vector<std::size_t>{1});
}

TEST_CASE("the way back to a `current` that leads to no release makes that link again, and runs the tasks in it, or at home where it leads nowhere") {
  const auto recipe = shop_recipe();
  const std::vector<release::ReleaseOnHost> releases = {good("20261120000000"), good("20261121000000")};
  auto elsewhere = a_host("app1", {"app"}, {}, releases), nowhere = elsewhere, gone = a_host("app3", {"app"}, "20261122000000", releases);
  nowhere.host.name = "app2";
  elsewhere.facts.current_target = nowhere.facts.current_target = "releases/42";
  gone.facts.gone_target = "releases/20261122000000";
  nowhere.facts.current_dangles = gone.facts.current_dangles = true;
  const auto plan = plan::build_rollback({recipe, {elsewhere, nowhere, gone, a_host("app4", {"app"}, {}, releases)}, now,
                                          std::string("20261121000000"), "ann@laptop"});
  REQUIRE(plan);
  std::vector<std::string> links, folders;
  for (const auto& round : plan->undo) {
    for (const auto& work : round.hosts) {
      if (const auto* unpublish = std::get_if<plan::Unpublish>(&work.steps.front())) links.push_back(unpublish->target);
      const auto* task = std::get_if<plan::RunTask>(&work.steps.front());
      if (task == nullptr) continue;
      folders.push_back(plan->hosts[work.host].host.name + ' ' + task->folder);
      CHECK(task->environment.at("DEPLOY_ACTION") == "undo");
      CHECK(task->environment.at("RELEASE").empty());
      CHECK(task->environment.at("RELEASE_PATH").empty());
    }
  }
  CHECK(links == std::vector<std::string>{"releases/42", "releases/42", "releases/20261122000000", ""});
  CHECK(folders == std::vector<std::string>{"app1 /srv/shop/current", "app2 ", "app3 "});  // app4 ran nothing
}

TEST_CASE("the releases of many hosts are one table, newest first") {
  auto bad = good("20261122000000");
  bad.state = release::State::bad;
  const auto one = good("20261121000000");
  CHECK(plan::releases_text({a_host("app1", {}, "20261121000000", {one, bad}), a_host("app2", {}, "20261121000000", {one, bad}),
                             a_host("db1", {}, "20261121000000", {one})}, 3) ==
        R"(release         state  revision  by          where
20261122000000  bad    r00       ann@laptop  app[1,2]
20261121000000  good   r00       ann@laptop  live on all hosts
)");
  // One more was not reached.
  CHECK(plan::releases_text({a_host("app1", {}, "20261121000000", {one}), a_host("app2", {}, "20261121000000", {one})}, 3) ==
        R"(release         state  revision  by          where
20261121000000  good   r00       ann@laptop  live on app[1,2]
)");
  CHECK(plan::releases_text({a_host("app1", {})}, 1) == "no releases\n");
  CHECK(plan::releases_text({a_host("app1", {}, "20261121000000", {one}), a_host("app2", {}, "20261122000000", {one}), a_host("app3", {})}, 3) ==
        R"(release         state  revision  by          where
20261121000000  good   r00       ann@laptop  app[1,2], live on app1
app2: 'current' points to release 20261122000000, which is not there
app3: no release is live
)");
}
