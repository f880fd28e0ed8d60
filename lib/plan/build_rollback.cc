#include <algorithm>
#include <iterator>

#include "plan/log_line.h"
#include "plan/plan.h"
#include "plan/tasks.h"

namespace kirikae::plan {
namespace {

using event::Phase;
using recipe::HookPoint;

std::string revision_of(const release::Facts& facts, const std::string& id) {
  const auto at = std::find_if(facts.releases.begin(), facts.releases.end(), [&](const auto& r) { return r.id == id; });
  return at == facts.releases.end() ? std::string() : at->revision;
}

template <class Make>
Round on_changing_hosts(Phase phase, const Plan& plan, Make make) {
  Round round{phase, std::nullopt, {}};
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    if (!plan.hosts[i].already) round.hosts.push_back({i, {make(plan.hosts[i])}});
  }
  return round;
}

// What a host leaves for the target; or has left, where an earlier rollback has died behind its switch.
const std::string& left_by(const Plan& plan, const release::Facts& facts) {
  return facts.live == plan.release ? facts.unsettled : facts.live;
}

// The release that a host leaves behind is bad, unless the target is newer: then nothing is condemned.
Step settle(const RollbackInput& input, const Plan& plan, const PlannedHost& host) {
  Settle settle;
  settle.marks.emplace_back(plan.release, release::State::good);
  const std::string& left = left_by(plan, host.facts);
  const bool there = std::any_of(host.facts.releases.begin(), host.facts.releases.end(), [&](const auto& r) { return r.id == left; });
  if (there && left > plan.release) settle.marks.emplace_back(left, release::State::bad);
  settle.entry = {input.now,       plan.action,   plan.application,    plan.stage, plan.release,
                  host.facts.live, plan.revision, input.operator_name, "good"};
  settle.ends_rollback = true;
  return settle;
}

Result<void> add_rounds(const RollbackInput& input, Plan& plan) {
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  const auto hooks = [&](HookPoint point) -> Result<void> {
    TRY_ASSIGN(auto rounds, hook_rounds(scene, point, Phase::publish));
    std::move(rounds.begin(), rounds.end(), std::back_inserter(plan.rounds));
    return {};
  };
  TRY(hooks(HookPoint::before_publish));
  plan.rounds.push_back(on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) -> Step {
    const std::string& left = left_by(plan, host.facts);
    return Publish{plan.release, host.facts.live, left.empty() ? "none" : left};
  }));
  TRY(hooks(HookPoint::after_publish));
  plan.rounds.push_back(
      on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) { return settle(input, plan, host); }));
  return hooks(HookPoint::after_rollback);
}

}  // namespace

Result<Plan> build_rollback(const RollbackInput& input) {
  std::vector<release::Facts> facts;
  for (const auto& host : input.hosts) facts.push_back(host.facts);
  Plan plan;
  plan.action = "rollback";
  plan.application = input.recipe.application;
  plan.stage = input.recipe.stage;
  plan.layout = release::Layout(input.recipe.deploy_to);
  TRY_ASSIGN(plan.release, input.to ? release::named_release(facts, *input.to) : release::previous_release(facts));
  plan.revision = revision_of(facts.front(), plan.release);
  for (const auto& host : input.hosts) {
    plan.hosts.push_back({host.host, host.facts, host.facts.live == plan.release && host.facts.unsettled.empty()});
  }
  TRY(add_rounds(input, plan));
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  TRY_ASSIGN(plan.undo, build_undo(input.recipe, plan, input.now, input.operator_name));
  TRY_ASSIGN(plan.failed, hook_rounds(scene, HookPoint::failed, Phase::undo));
  plan.once_in_rollback = once_in_rollback(input.recipe);
  return plan;
}

}  // namespace kirikae::plan
