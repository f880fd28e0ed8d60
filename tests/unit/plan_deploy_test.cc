#include <algorithm>

#include "plan/plan.h"
#include "plan/tasks.h"
#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

TEST_CASE("the plan of a deploy tells each host's changes, equal hosts in one paragraph") {
  const auto recipe = shop_recipe();
  const std::vector<release::ReleaseOnHost> three = {good("20261120000000"), good("20261121000000"), good("20261122000000")};
  const auto plan = plan::build_deploy(input_for(recipe, {a_host("app01", {"app"}, "20261122000000", three),
                                                          a_host("app02", {"app"}, "20261122000000", three),
                                                          a_host("db1", {"db"})}));
  REQUIRE(plan);
  CHECK(plan::to_text(*plan, plan::SourceText{312, 5'100'000}) == R"(deploy shop to production: release 20261123050000, revision 1a2b3c

app[01,02] (2 hosts)
  make           releases/20261123050000
  upload         312 files, 5.1 MB, packed as zstd
  link folders   log
  link files     config/database.yml
  run            install (build)
  switch         current -> releases/20261123050000 (now 20261122000000)
  run            restart (publish)
  run here       announce (publish, on this machine, once)
  mark           20261123050000 good
  prune          20261120000000, 20261121000000
  if that fails  current -> releases/20261122000000, restart

db1
  make           releases/20261123050000
  upload         312 files, 5.1 MB, packed as zstd
  link folders   log
  link files     config/database.yml
  run            install (build)
  run            migrate (build)
  switch         current -> releases/20261123050000 (now none)
  run here       announce (publish, on this machine, once)
  mark           20261123050000 good
  if that fails  current is removed

nothing was changed
)");
}

TEST_CASE("a deploy prunes no release that is the newest good one on all hosts, though some have newer ones of their own") {
  const auto recipe = shop_recipe();  // it keeps two
  const auto died = release::ReleaseOnHost{"20261122000000", release::State::ready, "r", "ann@laptop"};  // before its record was written
  const std::vector<release::ReleaseOnHost> written = {good("20261120000000"), good("20261121000000"), good("20261122000000")};
  const std::vector<release::ReleaseOnHost> unwritten = {good("20261120000000"), good("20261121000000"), died};
  const auto plan = plan::build_deploy(input_for(recipe, {a_host("app01", {"app"}, "20261122000000", written),
                                                          a_host("db1", {"db"}, "20261122000000", unwritten)}));
  REQUIRE(plan);
  std::vector<std::vector<std::string>> pruned;
  for (const auto& round : plan->rounds) {
    for (const auto& work : round.hosts) {
      for (const auto& step : work.steps) {
        if (const auto* prune = std::get_if<plan::Prune>(&step)) pruned.push_back(prune->ids);
      }
    }
  }
  CHECK(pruned == std::vector<std::vector<std::string>>{{"20261120000000"}, {"20261120000000", "20261122000000"}});
}

TEST_CASE("a deploy removes what an earlier prune has left, also where it prunes nothing else") {
  auto recipe = shop_recipe();
  recipe.hooks.clear();
  std::vector<plan::HostFacts> hosts;
  for (const auto* name : {"app1", "app2"}) hosts.push_back(a_host(name, {"app"}, "20261122000000", {good("20261122000000")}));
  CHECK_THAT(plan::to_text(*plan::build_deploy(input_for(recipe, hosts)), std::nullopt), !Catch::Matchers::ContainsSubstring("prune"));
  hosts[1].facts.half_pruned = true;
  const auto plan = plan::build_deploy(input_for(recipe, hosts));
  REQUIRE(plan);
  const auto& prune = plan->rounds.back().hosts;
  REQUIRE(prune.size() == 1);
  CHECK(prune.front().host == 1);
  REQUIRE(std::holds_alternative<plan::Prune>(prune.front().steps.front()));
  CHECK(std::get<plan::Prune>(prune.front().steps.front()).ids.empty());
  CHECK_THAT(plan::to_text(*plan, std::nullopt), Catch::Matchers::ContainsSubstring("\n  prune          what an earlier prune has left\n"));
}

TEST_CASE("what a rollback that has died behind its switch has left is bad for the next deploy, and for its way back") {
  auto recipe = shop_recipe();
  recipe.keep_releases = 3;
  const std::vector<release::ReleaseOnHost> all = {good("20261119000000"), good("20261120000000"), good("20261121000000"), good("20261122000000")};
  auto died = a_host("app1", {"app"}, "20261121000000", all);
  died.facts.unsettled = "20261122000000";
  auto forward = a_host("app2", {"app"}, "20261122000000", all);
  forward.facts.unsettled = "20261121000000";  // that one was older: nothing is condemned
  auto plan = plan::build_deploy(input_for(recipe, {died, forward, a_host("db1", {"db"}, "20261122000000", all)}));
  REQUIRE(plan);
  using Marks = std::vector<std::pair<std::string, release::State>>;
  std::vector<Marks> marks, back;
  std::vector<std::string> condemned;
  std::vector<std::vector<std::string>> pruned;
  for (const auto& round : plan->rounds) {
    for (const auto& work : round.hosts) {
      if (const auto* publish = std::get_if<plan::Publish>(&work.steps.front())) condemned.push_back(publish->condemned);
      if (const auto* settle = std::get_if<plan::Settle>(&work.steps.front())) marks.push_back(settle->marks);
      if (const auto* prune = std::get_if<plan::Prune>(&work.steps.front())) pruned.push_back(prune->ids);
    }
  }
  for (const auto& work : plan->undo.back().hosts) back.push_back(std::get<plan::Settle>(work.steps.front()).marks);
  const std::pair made(plan->release, release::State::good), given_up(plan->release, release::State::failed), left(died.facts.unsettled, release::State::bad);
  // With the switch: the note of the rollback goes there.
  CHECK(condemned == std::vector<std::string>{died.facts.unsettled, "", ""});
  CHECK_THAT(plan::to_text(*plan, std::nullopt), Catch::Matchers::ContainsSubstring("\n  mark           20261122000000 bad\n  switch         current -> "));
  CHECK(marks == std::vector<Marks>{{made}, {made}, {made}});
  CHECK(back == std::vector<Marks>{{given_up, left}, {given_up}, {given_up}});
  // A bad one isn't one of the good ones that are kept.
  CHECK(pruned == std::vector<std::vector<std::string>>{{"20261119000000"}, {"20261119000000", "20261120000000"}, {"20261119000000", "20261120000000"}});
}

TEST_CASE("no host is switched in a round before every host's release is sealed") {
  const auto recipe = shop_recipe();
  const auto plan = plan::build_deploy(input_for(recipe, {a_host("app1", {"app"}), a_host("db1", {"db"})}));
  REQUIRE(plan);
  std::size_t sealed = 0;
  for (const auto& round : plan->rounds) {
    bool publishes = false;
    for (const auto& work : round.hosts) {
      for (const auto& step : work.steps) publishes = publishes || std::holds_alternative<plan::Publish>(step);
    }
    if (publishes) CHECK(sealed == 2);
    for (const auto& work : round.hosts) {
      for (const auto& step : work.steps) sealed += std::holds_alternative<plan::Seal>(step) ? 1 : 0;
    }
  }
  CHECK(sealed == 2);
}

TEST_CASE("a task's commands get their values by environment, the host's own over the recipe's") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app", "web"}, "20261122000000", {good("20261122000000")});
  app.host.vars = {{"port", "9090"}};
  const auto plan = plan::build_deploy(input_for(recipe, {app, a_host("db1", {"db"})}));
  REQUIRE(plan);
  for (const auto& round : plan->rounds) {
    for (const auto& work : round.hosts) {
      const auto* task = std::get_if<plan::RunTask>(&work.steps.front());
      if (task == nullptr || task->task != "install" || work.host != 0) continue;
      CHECK(task->folder == "/srv/shop/releases/20261123050000");
      CHECK(task->environment == std::map<std::string, std::string>{{"APPLICATION", "shop"},
                                                                    {"CURRENT_PATH", "/srv/shop/current"},
                                                                    {"DEPLOY_ACTION", "deploy"},
                                                                    {"HOST", "app1"},
                                                                    {"PATH", "/opt/shop/bin:/usr/bin:/bin"},
                                                                    {"PREVIOUS_RELEASE", "20261122000000"},
                                                                    {"RELEASE", "20261123050000"},
                                                                    {"RELEASE_PATH", "/srv/shop/releases/20261123050000"},
                                                                    {"ROLES", "app web"},
                                                                    {"SHARED_PATH", "/srv/shop/shared"},
                                                                    {"STAGE", "production"},
                                                                    {"app_env", "production"},
                                                                    {"port", "9090"}});
      return;
    }
  }
  FAIL("the plan has no task 'install' for app1");
}

TEST_CASE("a task that runs once takes the primary that matches its roles, else the first host") {
  const auto recipe = shop_recipe();
  std::vector<plan::PlannedHost> hosts;
  for (const auto* name : {"db1", "db2"}) hosts.push_back({a_host(name, {"db"}).host, {}, false});
  CHECK(plan::hosts_of(recipe.tasks.at("migrate"), hosts) == std::vector<std::size_t>{0});
  hosts[1].host.primary = true;
  CHECK(plan::hosts_of(recipe.tasks.at("migrate"), hosts) == std::vector<std::size_t>{1});
}

TEST_CASE("a selection that leaves no host for a task that runs once is an error that names the task") {
  const auto recipe = shop_recipe();
  const auto plan = plan::build_deploy(input_for(recipe, {a_host("app1", {"app"})}));
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == ErrorCode::usage);
  CHECK(plan.error().message == "task 'migrate' (build) runs once, but none of the selected hosts has the role db");
}

TEST_CASE("a release is named after every release on any host, whatever the operator's clock says") {
  const auto recipe = shop_recipe();
  const auto ahead = a_host("app1", {"app"}, "20270101000000", {good("20270101000000")});
  const auto plan = plan::build_deploy(input_for(recipe, {ahead, a_host("db1", {"db"})}));
  REQUIRE(plan);
  CHECK(plan->release == "20270101000001");
}

TEST_CASE("preflight lists all problems of all hosts") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app"});
  app.facts.current_is_directory = true;
  app.facts.missing_files = {"config/database.yml", ".env"};
  auto db = a_host("db1", {"db"});
  db.facts.free_kilobytes = 100;
  db.facts.free_inodes = 50;
  std::string text;
  auto input = input_for(recipe, {app, db});
  input.command = "deploy --recipe x.yml";
  for (const auto& error : plan::preflight_deploy(input)) text += to_text(error) + "\n";
  CHECK(text == R"([app1] '/srv/shop/current' is a real directory, not a link, so no release can be switched there
  move it away first; its content is not touched by us
[app1] shared files are missing: config/database.yml, .env
  put them into '/srv/shop/shared' on the host
[db1] the disk of '/srv/shop/releases' has 0 MiB free, the release needs about 6 MiB
  free some room: 'deploy --recipe x.yml prune production --keep N' removes old releases
[db1] the disk of '/srv/shop/releases' has 50 inodes free, the release needs about 412
  remove small files there: 'deploy --recipe x.yml prune production --keep N' removes old releases
)");
}

TEST_CASE("one host without zstd makes the payload gzip for all, one without both makes it a plain tar") {
  auto old = a_host("app2", {"app"});
  old.facts.zstd = false;
  auto recipe = shop_recipe();
  CHECK(plan::encoding_for(recipe, {a_host("app1", {"app"}), a_host("app3", {"app"})}) == "zstd");
  CHECK(plan::encoding_for(recipe, {a_host("app1", {"app"}), old}) == "gzip");
  old.facts.gzip = false;
  CHECK(plan::encoding_for(recipe, {a_host("app1", {"app"}), old}) == "none");
}

TEST_CASE("what a recipe has packed by name is packed by that alone, and by no other on any host") {
  auto recipe = shop_recipe();
  const auto upload = [&] {
    const auto plan = plan::build_deploy(input_for(recipe, {a_host("app1", {"app"}), a_host("db1", {"db"})}));
    REQUIRE(plan);
    for (const auto& round : plan->rounds) {
      for (const auto& work : round.hosts) {
        for (const auto& step : work.steps) {
          if (const auto* unpack = std::get_if<plan::Unpack>(&step)) return *unpack;
        }
      }
    }
    throw std::runtime_error("no upload");
  };
  CHECK((upload().encoding == "zstd" && upload().adaptive));
  for (const std::string compression : {"zstd", "gzip", "none"}) {
    CAPTURE(compression);
    recipe.compression = compression;
    CHECK((upload().encoding == compression && !upload().adaptive));
  }
}

TEST_CASE("a host that does not say how much room it has is not refused for it") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app"});
  app.facts.free_kilobytes = release::Facts().free_kilobytes;
  app.facts.free_inodes = release::Facts().free_inodes;
  CHECK(plan::preflight_deploy(input_for(recipe, {app})).empty());
}

TEST_CASE("a command of this machine has the recipe's vars, also where 'env' gives the hosts another value") {
  auto recipe = shop_recipe();
  recipe.vars = {{"app_env", "staging"}, {"port", "8080"}};
  recipe.env = {{"app_env", "production"}, {"PATH", "/bin"}};
  const auto plan = plan::build_deploy(input_for(recipe, {a_host("app01", {"app", "db"}, "20261122000000", {good("20261122000000")})}));
  REQUIRE(plan);
  const auto local = std::find_if(plan->rounds.begin(), plan->rounds.end(), [](const auto& round) { return round.local.has_value(); });
  REQUIRE(local != plan->rounds.end());
  CHECK(local->local->environment.at("app_env") == "staging");
  CHECK(local->local->environment.at("port") == "8080");
  CHECK_FALSE(local->local->environment.contains("PATH"));
}
