#include "plan/log_line.h"
#include "plan/plan.h"
#include "plan/rounds.h"
#include "plan/tasks.h"
#include "release/lookup.h"

namespace kirikae::plan {
namespace {

using event::Phase;
using recipe::HookPoint;

// What a host leaves for the target; or has left, where an earlier rollback has died behind its switch.
const std::string& left_by(const Plan& plan, const release::Facts& facts) {
  return facts.live == plan.release ? facts.unsettled : facts.live;
}

// What an earlier rollback that has died has left stays so where another switch follows, whose note takes that one's place.
std::string condemned_by(const Plan& plan, const release::Facts& facts) {
  std::string condemned = release::condemned_release(facts);
  if (facts.live == plan.release || condemned == plan.release) condemned.clear();
  return condemned;
}

// The release that a host leaves behind is bad, unless the target is newer: then nothing is condemned.
Step settle_rollback(const RollbackInput& input, const Plan& plan, const PlannedHost& host) {
  Settle settle;
  settle.marks.emplace_back(plan.release, release::State::good);
  const std::string& left = left_by(plan, host.facts);
  if (left > plan.release && release::find_release(host.facts, left) != nullptr) settle.marks.emplace_back(left, release::State::bad);
  settle.entry = {input.now,       plan.action,   plan.application,    plan.stage, plan.release,
                  host.facts.live, plan.revision, input.operator_name, "good"};
  settle.ends_rollback = true;
  return settle;
}

Result<void> add_rounds(const RollbackInput& input, Plan& plan) {
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  const auto hooks = [&](HookPoint point) { return add_hooks(plan.rounds, scene, point, Phase::publish); };
  TRY(hooks(HookPoint::before_publish));
  plan.rounds.push_back(on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) {
    const std::string& left = left_by(plan, host.facts);
    return std::vector<Step>{Publish{plan.release, host.facts.live, left.empty() ? "none" : left, condemned_by(plan, host.facts)}};
  }));
  TRY(hooks(HookPoint::after_publish));
  plan.rounds.push_back(on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{settle_rollback(input, plan, host)};
  }));
  return hooks(HookPoint::after_rollback);
}

}  // namespace

Result<Plan> build_rollback(const RollbackInput& input) {
  const auto facts = facts_of(input.hosts);
  Plan plan = blank_plan(input.recipe, "rollback", input.hosts);
  // Where no host has answered there is no release at all, a named one neither.
  TRY_ASSIGN(plan.release, input.to && !facts.empty() ? release::named_release(facts, *input.to) : release::previous_release(facts));
  if (const auto* target = release::find_release(facts.front(), plan.release)) plan.revision = target->revision;
  for (auto& host : plan.hosts) host.already = host.facts.live == plan.release && host.facts.unsettled.empty();
  TRY(add_rounds(input, plan));
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  TRY_ASSIGN(plan.undo, build_undo(input.recipe, plan, input.now, input.operator_name));
  TRY_ASSIGN(plan.failed, hook_rounds(scene, HookPoint::failed, Phase::undo));
  plan.once_in_rollback = once_in_rollback(input.recipe);
  return plan;
}

}  // namespace kirikae::plan
