#include "plan/audit.h"

#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

namespace {

plan::LogEntry audit_entry(std::int64_t time, const std::string& action, const std::string& release = {}, const std::string& detail = {}) {
  return {time, action, "shop", "production", release, {}, std::string(40, 'a'), "ann@laptop", "good", detail};
}

std::string log_of(const std::vector<plan::LogEntry>& entries) {
  std::string text;
  for (const auto& each : entries) text += plan::json_line(each) + "\n";
  return text;
}

}  // namespace

TEST_CASE("the audit merges the hosts' logs by time, and entries that are alike name their hosts") {
  const auto first = audit_entry(now, "deploy", "20261123050000"), second = audit_entry(now + 60, "rollback", "20261122000000");
  auto third = audit_entry(now + 30, "lock", {}, "database is being moved");
  third.revision.clear();
  const std::vector<plan::HostLog> logs = {plan::read_log("app1", log_of({first, second})), plan::read_log("app2", log_of({first, second})),
                                           plan::read_log("db1", log_of({first, third}))};
  CHECK(plan::audit_text(logs, 30, logs.size()) ==
        "time                     action    result  release         revision      by          where      detail\n"
        "2026-11-23 05:00:00 UTC  deploy    good    20261123050000  aaaaaaaaaaaa  ann@laptop  all hosts\n"
        "2026-11-23 05:00:30 UTC  lock      good                                  ann@laptop  db1        database is being moved\n"
        "2026-11-23 05:01:00 UTC  rollback  good    20261122000000  aaaaaaaaaaaa  ann@laptop  app[1,2]\n");
  CHECK(plan::audit_text(logs, 30, logs.size() + 1).find("all hosts") == std::string::npos);
  CHECK(plan::audit_text(logs, 1, logs.size()) ==
        "time                     action    result  release         revision      by          where\n"
        "2026-11-23 05:01:00 UTC  rollback  good    20261122000000  aaaaaaaaaaaa  ann@laptop  app[1,2]\n");
  CHECK(plan::audit_json(logs, 1) ==
        R"({"entries":[{"time":"2026-11-23T05:01:00Z","action":"rollback","result":"good","application":"shop","stage":"production",)"
        R"("release":"20261122000000","revision":")" + std::string(40, 'a') + R"(","by":"ann@laptop","detail":"","hosts":["app1","app2"]}]})");
  CHECK(plan::audit_text({plan::read_log("app1", "")}, 30, 1) == "nothing is logged\n");
}

TEST_CASE("what hosts write into their logs is bounded and harmless, and lines of others are counted") {
  auto odd = audit_entry(now, "deploy\n\x1b[2J", "20261123050000", std::string(5000, 'x'));
  const auto log = plan::read_log("app1", log_of({odd}) +
                                              "not json\n"
                                              "[1,2]\n"
                                              "\n"
                                              "{\"time\":\"2026-11-23T05:00:00Z\",\"action\":7}\n"
                                              "{\"time\":\"yesterday at five\",\"action\":\"deploy\"}\n"
                                              "{\"time\":\"2026-11-23T05:00:00Z\"}\n"
                                              "{\"time\":\"2026-11-23T05:00:00Z\",\"action\":\"depl");
  CHECK(log.unreadable == 6);
  REQUIRE(log.entries.size() == 1);
  CHECK(log.entries[0].action == "deploy  [2J");
  CHECK(log.entries[0].detail == std::string(300, 'x'));
  // Behind a line that a full disk has torn.
  const auto torn = plan::read_log("a", log_of({odd}).substr(0, 60) + log_of({audit_entry(now, "task", {}, "warm up")}));
  CHECK(torn.unreadable == 1);
  REQUIRE(torn.entries.size() == 1);
  CHECK(torn.entries[0].detail == "warm up");
  // What one run writes is what another reads.
  const auto plain = audit_entry(now, "prune", {}, "removed 20261120000000");
  CHECK(plan::json_line(plan::read_log("a", log_of({plain})).entries.at(0)) == plan::json_line(plain));
}

TEST_CASE("the audit knows which entry led to the live release") {
  auto undone = audit_entry(now + 1, "deploy", "20261123060000");
  undone.result = "undone";
  undone.previous = "20261123050000";
  auto failed = audit_entry(now + 2, "deploy", "20261123070000");
  failed.result = "failed";
  const auto log = plan::read_log("a", log_of({audit_entry(now, "deploy", "20261123050000"), undone, failed, audit_entry(now + 3, "task")}));
  REQUIRE(plan::switch_to(log, "20261123050000"));
  CHECK(plan::switch_to(log, "20261123050000")->time == now + 1);
  CHECK_FALSE(plan::switch_to(log, "20261123060000"));
  CHECK(plan::last_switched_to(log) == "20261123050000");
  CHECK(plan::last_switched_to(plan::read_log("a", "")).empty());
}
