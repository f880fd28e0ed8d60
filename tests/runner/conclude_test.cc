#include "runner/conclude.h"

#include <utility>

#include "support/catch.h"

using namespace kirikae;
using event::HostEnd;
using event::Outcome;
using runner::HostRun;
using Switched = runner::HostRun::Switched;

namespace {

plan::Plan plan_of(std::size_t hosts) {
  plan::Plan plan;
  plan.action = "deploy";
  plan.stage = "production";
  plan.release = "20261123050000";
  plan.layout = release::Layout("/srv/my shop");
  for (std::size_t i = 0; i < hosts; ++i) {
    plan::PlannedHost host;
    host.host.name = host.host.address = "web" + std::to_string(i + 1);
    host.host.user = "deploy";
    host.facts.live = "20261122000000";
    plan.hosts.push_back(host);
  }
  return plan;
}

runner::RunState state_of(std::vector<Switched> switched) {
  runner::RunState state;
  for (const Switched each : switched) {
    HostRun run;
    run.switched = each;
    state.hosts.push_back(run);
  }
  return state;
}

Error lost() { return Error(ErrorCode::lost, "the connection was lost"); }

runner::RunState failed_state_of(std::vector<Switched> switched) {
  auto state = state_of(std::move(switched));
  state.errors.push_back(lost());
  return state;
}

}  // namespace

TEST_CASE("a run in which every host is settled is done") {
  auto state = state_of({Switched::yes, Switched::yes});
  for (auto& run : state.hosts) run.settled = true;
  const auto report = runner::conclude(plan_of(2), state, 1.5, {"deploy"});
  CHECK(report.outcome == Outcome::done);
  CHECK(report.hosts[1].end == HostEnd::switched);
  CHECK(report.hosts[1].live_after == "20261123050000");
  CHECK(report.advice.empty());
}

TEST_CASE("a failure before any host is switched is 'failed', and every host runs what it ran") {
  auto state = state_of({Switched::no, Switched::no});
  state.hosts[1].error = lost();
  const auto report = runner::conclude(plan_of(2), state, 1.5, {"deploy"});
  CHECK(report.outcome == Outcome::failed);
  CHECK(report.hosts[0].end == HostEnd::unchanged);
  CHECK(report.hosts[0].live_after == "20261122000000");
  CHECK(report.advice.empty());
}

TEST_CASE("a failure after a switch is 'partial' and says what a person types") {
  auto plan = plan_of(4);
  plan.hosts[3].facts.live.clear();
  auto state = state_of({Switched::yes, Switched::no, Switched::unknown, Switched::yes});
  state.hosts[2].error = lost();
  const auto report = runner::conclude(plan, state, 1.5, {"deploy"});
  CHECK(report.outcome == Outcome::partial);
  CHECK(report.hosts[0].end == HostEnd::switched_then_failed);
  CHECK(report.hosts[1].end == HostEnd::unchanged);
  CHECK(report.hosts[2].end == HostEnd::unknown);
  CHECK(report.hosts[2].live_after.empty());
  CHECK(report.advice ==
        std::vector<std::string>{
            "deploy status production --hosts web3  # may run 20261123050000 or 20261122000000",
            R"(deploy run production --hosts web4 -- 'rm '\''/srv/my shop/current'\'''  # takes the first release out of service again)",
            "deploy rollback production --to 20261122000000 --hosts web1,web3  # takes them back",
            "deploy production  # or forward: a new release on all hosts, once the cause is mended",
        });
}

TEST_CASE("where `current` was another link before the first release, the advice points it there again, and doesn't remove it") {
  auto plan = plan_of(2);
  for (auto& host : plan.hosts) host.facts.live.clear();
  plan.hosts[0].facts.current_target = "../www/the old";
  const auto report = runner::conclude(plan, failed_state_of({Switched::yes, Switched::yes}), 1, {"deploy"});
  REQUIRE(report.advice.size() == 3);
  CHECK(report.advice[0] == R"(deploy run production --hosts web2 -- 'rm '\''/srv/my shop/current'\'''  # takes the first release out of service again)");
  CHECK(report.advice[1] ==
        R"(deploy run production --hosts web1 -- 'ln -sfn '\''../www/the old'\'' '\''/srv/my shop/current'\'''  # points it to what it was again)");
}

TEST_CASE("where the live release's folder is gone, the newest good release there is is advised, else the link that there was") {
  auto plan = plan_of(2);
  for (auto& host : plan.hosts) host.facts.gone_target = "releases/20261122000000";
  plan.hosts[0].facts.releases = {{"20261120000000", release::State::good, "", ""},
                                  {"20261121000000", release::State::bad, "", ""},
                                  {plan.release, release::State::good, "", ""}};
  const auto report = runner::conclude(plan, failed_state_of({Switched::yes, Switched::yes}), 1, {"deploy"});
  REQUIRE(report.advice.size() == 3);
  CHECK(report.advice[0] ==
        R"(deploy run production --hosts web2 -- 'ln -sfn releases/20261122000000 '\''/srv/my shop/current'\'''  # points it to what it was again)");
  CHECK(report.advice[1] == "deploy rollback production --to 20261120000000 --hosts web1  # takes it back");
}

TEST_CASE("a rollback that is advised names a host for a task that runs once, if one is there already") {
  auto plan = plan_of(3);
  plan.hosts[1].host.roles = plan.hosts[2].host.roles = {"db"};
  plan.once_in_rollback = {{"db", "cache"}};
  auto state = failed_state_of({Switched::yes, Switched::no, Switched::no});
  CHECK(runner::conclude(plan, state, 1, {"deploy"}).advice[0] ==
        "deploy rollback production --to 20261122000000 --hosts web1,web2"
        "  # takes it back; web2 is there already, and named for a task that runs once");
  plan.hosts[1].facts.live = "20261121000000";  // it would be moved
  CHECK(runner::conclude(plan, state, 1, {"deploy"}).advice[0] ==
        "deploy rollback production --to 20261122000000 --hosts web1,web3"
        "  # takes it back; web3 is there already, and named for a task that runs once");
  plan.hosts[0].host.roles = {"cache"};
  CHECK(runner::conclude(plan, state, 1, {"deploy"}).advice[0] == "deploy rollback production --to 20261122000000 --hosts web1  # takes it back");
}

TEST_CASE("what is advised last reaches no further than the run did, and deploys what it did") {
  auto plan = plan_of(2);
  const auto state = failed_state_of({Switched::yes, Switched::unknown});
  const runner::Call call{"deploy --recipe shop.yml", " --roles app --exclude 'web*'", " --tag v1"};
  CHECK(runner::conclude(plan, state, 1, call).advice.back() ==
        "deploy --recipe shop.yml production --roles app --exclude 'web*' --tag v1"
        "  # or forward: a new release on these hosts, once the cause is mended");
  plan.action = "rollback";
  CHECK(runner::conclude(plan, state, 1, call).advice.back() ==
        "deploy --recipe shop.yml rollback production --to 20261123050000 --roles app --exclude 'web*'"
        "  # or again: the rest of the hosts follow");
}

TEST_CASE("of frozen hosts the advice says what a freeze lets pass, and what ends it first") {
  auto plan = plan_of(2);
  plan.action = "rollback";
  for (auto& host : plan.hosts) host.facts.frozen = release::LockHolder{"bob@desk", "", "fair", ""};
  plan::RunTask task{"restart", "true", "", {}, {}};
  plan.undo = {{event::Phase::undo, std::nullopt, {{1, {task}}}}};
  auto state = failed_state_of({Switched::yes, Switched::yes});
  state.hosts[1].undone = HostRun::Undone::link_only;
  CHECK(runner::conclude(plan, state, 1, {"deploy", " --roles app"}).advice ==
        std::vector<std::string>{
            "deploy unlock production --roles app  # they are frozen: tasks are refused until then",
            "deploy task production restart --hosts web2  # 'current' is back there; this task has not run to its end",
            "deploy rollback production --to 20261122000000 --hosts web1 --despite-freeze  # takes it back",
            "deploy rollback production --to 20261123050000 --roles app --despite-freeze  # or again: the rest of the hosts follow",
        });
}

TEST_CASE("an interruption is 130 before the switch and once all is settled, and 'partial' in between") {
  auto state = state_of({Switched::no});
  state.interrupted = true;
  CHECK(runner::conclude(plan_of(1), state, 1, {"deploy"}).outcome == Outcome::interrupted);
  state.hosts[0].switched = Switched::yes;
  CHECK(runner::conclude(plan_of(1), state, 1, {"deploy"}).outcome == Outcome::partial);
  state.hosts[0].settled = true;
  CHECK(runner::conclude(plan_of(1), state, 1, {"deploy"}).outcome == Outcome::interrupted);
}

TEST_CASE("before anything is written, an unreachable host outweighs other problems, and a stop outweighs both") {
  const std::vector<Error> errors = {Error(ErrorCode::preflight, "no room"), Error(ErrorCode::host_key, "unknown key")};
  CHECK(runner::outcome_before_writing(errors, false) == Outcome::unreachable);
  CHECK(runner::outcome_before_writing({errors[0]}, false) == Outcome::failed);
  CHECK(runner::outcome_before_writing({Error(ErrorCode::recipe, "no such source")}, false) == Outcome::usage);
  CHECK(runner::outcome_before_writing(errors, true) == Outcome::interrupted);
  const Error late(ErrorCode::timeout, "it took longer than 5 s");
  CHECK(runner::outcome_before_writing({late}, false) == Outcome::failed);  // a task of this machine
  CHECK(runner::outcome_before_writing({Error(late).on("web1")}, false) == Outcome::unreachable);
}
