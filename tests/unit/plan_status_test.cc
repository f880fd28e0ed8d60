#include "plan/status.h"

#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

namespace {

const std::string old_id = "20261121000000", new_id = "20261122000000";

plan::LogEntry log_entry(std::int64_t time, const std::string& action, const std::string& release, const std::string& result,
                         const std::string& previous = {}) {
  return {time, action, "shop", "production", release, previous, "r00", "ann@laptop", result};
}

plan::HostStatus runs(const std::string& name, const std::string& live, std::vector<plan::LogEntry> log = {}) {
  const auto host = a_host(name, {"app"}, live, {good(old_id), good(new_id)});
  return {host.host, host.facts, {name, std::move(log), 0}};
}

plan::LogEntry deployed() { return log_entry(now, "deploy", new_id, "good", old_id); }

}  // namespace

TEST_CASE("the status of hosts that are alike is one line, and all is in order") {
  std::vector<plan::HostStatus> hosts;
  for (int i = 1; i <= 200; ++i) {
    const std::string number = std::to_string(i);
    hosts.push_back(runs("app" + std::string(3 - number.size(), '0') + number, new_id, {deployed()}));
  }
  auto status = plan::status_of(shop_recipe(), hosts, 0, "deploy");
  CHECK(status.in_order);
  CHECK(status.text == R"(shop on production: 200 hosts, all in order

live            state  revision  since                    by          where
20261122000000  good   r00       2026-11-23 05:00:00 UTC  ann@laptop  all hosts
)");
  status = plan::status_of(shop_recipe(), {runs("app1", new_id, {deployed()})}, 0, "deploy");
  CHECK(status.text == R"(shop on production: 1 host, all in order

live            state  revision  since                    by          where
20261122000000  good   r00       2026-11-23 05:00:00 UTC  ann@laptop  app1
)");
}

TEST_CASE("the status names every host that is not as it should be, and why") {
  std::vector<plan::HostStatus> hosts;
  for (int i = 1; i <= 9; ++i) hosts.push_back(runs("app" + std::to_string(i), new_id, {deployed()}));
  hosts[1] = runs("app2", old_id, {log_entry(now - 60, "deploy", old_id, "good")});
  hosts[2].facts.live.clear();
  hosts[3].facts.live.clear();
  hosts[3].facts.current_target = "/opt/old";
  hosts[4].facts.live = "20261122000007";
  hosts[4].log.entries.clear();
  hosts[5].facts.releases.back().state = release::State::ready;
  hosts[6].facts.releases.push_back({"20261122010000", release::State::preparing, "", "bob@ci"});
  hosts[6].facts.releases.push_back({"20261122020000", release::State::failed, "", "bob@ci"});
  hosts[6].facts.half_pruned = true;
  hosts[7].facts.frozen = hosts[8].facts.frozen = release::LockHolder{"eve@desk", "2026-11-22 10:00:00 UTC", "inventory", ""};
  hosts[7].facts.stale_lock = release::LockHolder{"bob@ci", "2026-11-22 02:00:00 UTC", "deploy production", ""};
  hosts[8].log.entries.push_back(log_entry(now + 5, "rollback", old_id, "good", new_id));
  const auto status = plan::status_of(shop_recipe(), hosts, 1, "deploy");
  CHECK_FALSE(status.in_order);
  CHECK(status.text == R"(shop on production: 10 hosts, 8 not as they should be, 1 not reached

live            state    revision  since                    by          where
20261122000000  good     r00       2026-11-23 05:00:00 UTC  ann@laptop  app[1,7,8]
20261121000000  good     r00       2026-11-23 04:59:00 UTC  ann@laptop  app2
none                                                                    app3
-> /opt/old                                                             app4
20261122000007  missing                                                 app5
20261122000000  ready    r00       2026-11-23 05:00:00 UTC  ann@laptop  app6
20261122000000  good     r00                                ann@laptop  app9

not as it should be:
  app2: runs 20261121000000, while 20261122000000 is what most run
  app3: no release is live
  app4: 'current' points to '/opt/old', which is none of its releases
  app5: 'current' points to release 20261122000007, which is not there
  app5: runs 20261122000007, while 20261122000000 is what most run
  app6: the live release 20261122000000 is ready, not good: deploy again, or roll back
  app7: unfinished: 20261122010000; the next deploy that succeeds, or 'deploy prune production', removes that
  app[8,9]: frozen by eve@desk since 2026-11-22 10:00:00 UTC (inventory)
  app8: a dead run has left its lock, bob@ci since 2026-11-22 02:00:00 UTC (deploy production): the next run takes it over
  app9: 'current' was changed by something else: the last deploy or rollback there led to 20261121000000

besides:
  app7: failed: 20261122020000; the next deploy that succeeds, or 'deploy prune production', removes that
  app7: an earlier prune could not remove all: the next deploy, or 'deploy prune production', tries again
)");
  const std::string data = plan::status_json(status);
  CHECK(data.starts_with(R"({"in_order":false,"usual":"20261122000000","hosts":[{"host":"app1","in_order":true,"current":"release",)"
                         R"("live":"20261122000000","revision":"r00","by":"ann@laptop","drift":false,"unfinished":[],"failed":[],"problems":[],)"
                         R"("notes":[],"state":"good","since":"2026-11-23T05:00:00Z"},{"host":"app2","in_order":false,)"));
  for (const std::string part : {R"("current":"elsewhere","live":"","revision":"","by":"","drift":false,)", R"("target":"/opt/old")",
                                 R"("state":"missing")", R"("unfinished":["20261122010000"],"failed":["20261122020000"])",
                                 R"("stale_lock":{"by":"bob@ci","since":"2026-11-22 02:00:00 UTC","what":"deploy production"},)"
                                 R"("frozen":{"by":"eve@desk","since":"2026-11-22 10:00:00 UTC","what":"inventory"})"}) {
    INFO(data);
    CHECK(data.find(part) != std::string::npos);
  }
}

TEST_CASE("a file or a folder in the place of current is named") {
  std::vector<plan::HostStatus> hosts{runs("app1", ""), runs("app2", "")};
  hosts[0].facts.current_is_file = hosts[1].facts.current_is_directory = true;
  const auto status = plan::status_of(shop_recipe(), hosts, 0, "deploy");
  CHECK_FALSE(status.in_order);
  CHECK(status.text == R"(shop on production: 2 hosts, 2 not as they should be

live              where
a file            app1
a real directory  app2

not as it should be:
  app1: 'current' is a file, not a link, so nothing can be switched there
  app2: 'current' is a real directory, so nothing can be switched there
)");
  CHECK(plan::status_json(status).find(R"("current":"file")") != std::string::npos);
}

TEST_CASE("what a run that lives is busy with is not out of order") {
  auto host = runs("app1", new_id, {deployed()});
  host.facts.lock = release::LockHolder{"bob@ci", "2026-11-22 03:00:00 UTC", "deploy production", ""};
  host.facts.releases.push_back({"20261122010000", release::State::preparing, "", "bob@ci"});
  const auto status = plan::status_of(shop_recipe(), {host}, 0, "deploy");
  CHECK(status.in_order);
  CHECK(status.text.find("\nbesides:\n  app1: a run is at work: bob@ci since 2026-11-22 03:00:00 UTC (deploy production)\n") != std::string::npos);
}

TEST_CASE("a release of another tool is in order, and an undone deploy leads to what was before") {
  auto host = runs("app1", old_id, {log_entry(now - 60, "deploy", old_id, "good"), log_entry(now, "deploy", new_id, "undone", old_id)});
  host.facts.releases.front().state.reset();
  const auto status = plan::status_of(shop_recipe(), {host}, 0, "deploy");
  CHECK(status.in_order);
  CHECK(status.text.find("20261121000000  unmarked  r00       2026-11-23 05:00:00 UTC") != std::string::npos);
}

TEST_CASE("of two releases that equally many hosts run, none is what most run") {
  auto status = plan::status_of(shop_recipe(), {runs("app1", old_id), runs("app2", new_id, {deployed()})}, 0, "deploy");
  CHECK(status.usual == new_id);
  CHECK(status.text.find("\n  app1: runs 20261121000000, while others run 20261122000000\n") != std::string::npos);
  CHECK(status.text.find("most run") == std::string::npos);
  status = plan::status_of(shop_recipe(), {runs("app1", old_id), runs("app2", new_id), runs("app3", old_id)}, 0, "deploy");
  CHECK(status.text.find("\n  app2: runs 20261122000000, while 20261121000000 is what most run\n") != std::string::npos);
}

TEST_CASE("a rollback that died is finished by one that names its release, also a bad one, and as the tool was called") {
  auto host = runs("app1", old_id);
  host.facts.releases.front().state = release::State::bad;
  host.facts.unsettled = new_id;
  const auto status = plan::status_of(shop_recipe(), {host}, 0, "deploy --recipe 'my shop.yml'");
  CHECK_FALSE(status.in_order);
  CHECK(status.text.find("\n  app1: the rollback to 20261121000000 has died behind its switch: "
                         "'deploy --recipe 'my shop.yml' rollback production --to 20261121000000' finishes it\n") != std::string::npos);
  host.facts.frozen = release::LockHolder{"eve@desk", "2026-11-22 10:00:00 UTC", "moving", ""};
  CHECK(plan::status_of(shop_recipe(), {host}, 0, "deploy").text.find("--to 20261121000000 --despite-freeze' finishes it\n") != std::string::npos);
}

TEST_CASE("a host whose log could not be had is shown, and not in order") {
  auto host = runs("app1", new_id);
  host.log_unread = true;
  const auto status = plan::status_of(shop_recipe(), {host}, 0, "deploy");
  CHECK_FALSE(status.in_order);
  CHECK(status.text == R"(shop on production: 1 host, 1 not as it should be

live            state  revision  by          where
20261122000000  good   r00       ann@laptop  app1

not as it should be:
  app1: its log can't be read: whether something else has changed 'current' is not known
)");
}
