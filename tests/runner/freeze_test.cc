// `deploy lock` and `deploy unlock` on hosts that are fakes.
#include "deploy/deploy.h"
#include "run_world.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::test;
using event::Outcome;

namespace {

using Names = std::vector<std::string>;

// The value that a command's text assigns to `variable`.
std::string value_of(const FakeCall& call, const std::string& variable) {
  const std::string start = '\n' + variable + "='";
  const auto at = call.text.find(start);
  REQUIRE(at != std::string::npos);
  return call.text.substr(at + start.size(), call.text.find('\'', at + start.size()) - at - start.size());
}

}  // namespace

TEST_CASE("a freeze is made on all hosts or on none: where another one was quicker, it goes again from the rest") {
  RunWorld world(3);
  world.hosts[1]->answer("freeze", {.out = "frozen_by=bob@desk\nfrozen_since=2026-11-23 10:00:00 UTC\nfrozen_what=moving\n"});
  const auto reading = deploy::freeze(world.request, "database", world.surroundings());
  CHECK(reading.report.outcome == Outcome::locked);
  REQUIRE(reading.report.hosts[1].error);
  CHECK(reading.report.hosts[1].error->message == "already frozen by bob@desk since 2026-11-23 10:00:00 UTC (moving)");
  CHECK(reading.text.empty());
  CHECK(world.hosts[1]->names() == Names{"facts", "freeze"});
  for (const std::size_t i : {0, 2}) {
    CHECK(world.hosts[i]->names() == Names{"facts", "freeze", "unlock", "log"});
    const auto calls = world.hosts[i]->calls();
    CHECK(value_of(calls[1], "kk_token").size() == 16);
    CHECK(value_of(calls[2], "kk_frozen") == value_of(calls[1], "kk_token"));
    CHECK(value_of(calls[2], "kk_locked").empty());
  }
}

TEST_CASE("after a stop, and where a freeze was made but not logged, the freeze goes again from all hosts") {
  RunWorld world(3);
  world.hosts[1]->answer("freeze", {.exit = {1, ""}, .err = "can't append to '/srv/shop/.kirikae/log.jsonl'\n"});
  const bool stopped = GENERATE(false, true);
  world.hosts[2]->before_each([&](const FakeCall& call) {
    if (call.name == "freeze" && stopped) world.stop.request_stop();
  });
  const auto reading = deploy::freeze(world.request, "database", world.surroundings());
  CHECK(reading.report.outcome == (stopped ? Outcome::interrupted : Outcome::failed));
  CHECK(reading.report.errors.empty());
  for (const auto& host : world.hosts) {
    const auto calls = host->calls();
    const auto thaw = std::find_if(calls.begin(), calls.end(), [](const FakeCall& call) { return call.name == "unlock"; });
    REQUIRE(thaw != calls.end());
    if (calls[1].name == "freeze") CHECK(value_of(*thaw, "kk_frozen") == value_of(calls[1], "kk_token"));
  }
  CHECK(world.hosts[1]->names().back() == "unlock");
}

TEST_CASE("a host that may be frozen still, since it was lost, is named with the command that ends that") {
  RunWorld world(2);
  world.hosts[1]->answer("freeze", {.lose = true});
  const auto reading = deploy::freeze(world.request, "database", world.surroundings());
  CHECK(reading.report.outcome == Outcome::partial);
  CHECK(world.hosts[0]->names() == Names{"facts", "freeze", "unlock", "log"});
  REQUIRE(reading.report.errors.size() == 1);
  CHECK(reading.report.errors[0].host == "web2");
  CHECK(reading.report.errors[0].message.find("it may be frozen still: ") == 0);
  CHECK(reading.report.errors[0].hint == "'deploy unlock production --hosts web2' ends that");
}

TEST_CASE("unlock that loses a host has written to others, so that it isn't as if none could be reached") {
  RunWorld world(2);
  const std::string frozen = "frozen_by=bob@desk\nfrozen_since=2026-11-23 10:00:00 UTC\nfrozen_what=moving\nfrozen_token=ab12\n";
  for (const auto& host : world.hosts) host->answer("facts", {.out = facts_text(world.live, {world.live + " good"}, frozen)});
  world.hosts[1]->answer("unlock", {.lose = true});
  const auto reading = deploy::unlock(world.request, false, world.surroundings());
  CHECK(reading.report.outcome == Outcome::failed);
  CHECK(reading.text == "web1: was frozen by bob@desk since 2026-11-23 10:00:00 UTC (moving)\n");
}

TEST_CASE("unlock ends the freeze that it has shown, and says first whose it is where it is another's") {
  RunWorld world(2);
  const std::string frozen = "frozen_by=bob@desk\nfrozen_since=2026-11-23 10:00:00 UTC\nfrozen_what=moving\nfrozen_token=ab12\n";
  world.hosts[0]->answer("facts", {.out = facts_text(world.live, {world.live + " good"}, frozen)});
  bool told = false;
  world.hosts[0]->before_each([&](const FakeCall& call) {
    if (call.name != "unlock") return;
    for (const auto& warning : world.events.all<event::Warning>()) told = told || warning.text.find("frozen by bob@desk") == 0;
  });
  const auto reading = deploy::unlock(world.request, false, world.surroundings());
  CHECK(reading.report.outcome == Outcome::done);
  CHECK(told);
  CHECK(value_of(world.hosts[0]->calls().back(), "kk_frozen") == "ab12");
  CHECK(value_of(world.hosts[1]->calls().back(), "kk_frozen").empty());
}

TEST_CASE("unlock ends a freeze also where a run is at work on another host, and tells what has ended once it has") {
  RunWorld world(4);
  const std::string frozen = "frozen_by=ada@desk\nfrozen_since=2026-11-23 10:00:00 UTC\nfrozen_what=moving\nfrozen_token=ab12\n";
  const std::string locked = "lock_by=bob@ci\nlock_since=2026-11-23 11:00:00 UTC\nlock_what=task note on production\nlock_token=cd34\n";
  for (const std::size_t i : {0, 1}) world.hosts[i]->answer("facts", {.out = facts_text(world.live, {world.live + " good"}, frozen)});
  world.hosts[2]->answer("facts", {.out = facts_text(world.live, {world.live + " good"}, locked)});
  SECTION("on all hosts where there is one") {
    const auto reading = deploy::unlock(world.request, false, world.surroundings());
    CHECK(reading.report.outcome == Outcome::done);
    CHECK(reading.text == "web[1,2]: was frozen by ada@desk since 2026-11-23 10:00:00 UTC (moving)\nweb4: was neither frozen nor locked\n");
    const auto warnings = world.events.all<event::Warning>();
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].host == "web3");
    CHECK(warnings[0].text == "not frozen, but locked by a run: bob@ci since 2026-11-23 11:00:00 UTC (task note on production)");
    CHECK(value_of(world.hosts[2]->calls().back(), "kk_locked").empty());
  }
  SECTION("but for one where it can't be") {
    world.hosts[1]->answer("unlock", {.exit = {1, ""}, .err = "can't remove '/srv/shop/.kirikae/frozen': check its owner\n"});
    const auto reading = deploy::unlock(world.request, false, world.surroundings());
    CHECK(reading.report.outcome == Outcome::failed);
    CHECK(reading.text == "web1: was frozen by ada@desk since 2026-11-23 10:00:00 UTC (moving)\nweb4: was neither frozen nor locked\n");
  }
  CHECK(world.hosts[0]->names() == Names{"facts", "unlock"});
  CHECK(world.hosts[0]->calls().back().text.find("\"action\":\"unlock\"") != std::string::npos);
}
