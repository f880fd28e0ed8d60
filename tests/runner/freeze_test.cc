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
    CHECK(world.hosts[i]->names() == Names{"facts", "freeze", "unlock"});
    const auto calls = world.hosts[i]->calls();
    CHECK(value_of(calls[1], "kk_token").size() == 16);
    CHECK(value_of(calls[2], "kk_frozen") == value_of(calls[1], "kk_token"));
    CHECK(value_of(calls[2], "kk_locked").empty());
  }
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
