#include "plan/log_line.h"
#include "plan/plan.h"
#include "plan/rounds.h"
#include "plan/tasks.h"

namespace kirikae::plan {
namespace {

using event::Phase;

// The new release has failed. A rollback's target and what it left are again what they were; a release that had no record keeps
// the one that the rollback may have given it. What an earlier rollback that has died has left is bad: going back to its target ends it.
Step settle_undo(const Plan& plan, const release::Facts& facts, std::int64_t now, const std::string& operator_name) {
  Settle settle;
  if (plan.action == "deploy") settle.marks.emplace_back(plan.release, release::State::failed);
  const std::string condemned = release::condemned_release(facts);
  for (const auto& release : facts.releases) {
    const bool touched = plan.action == "rollback" && (release.id == plan.release || release.id == facts.live || release.id == facts.unsettled);
    if (touched && release.state && release.id != condemned) settle.marks.emplace_back(release.id, *release.state);
  }
  if (!condemned.empty()) settle.marks.emplace_back(condemned, release::State::bad);
  settle.entry = {now,        plan.action,   plan.application, plan.stage, plan.release,
                  facts.live, plan.revision, operator_name,    "undone"};
  settle.ends_rollback = plan.action == "rollback" || !facts.unsettled.empty();
  return settle;
}

}  // namespace

Result<std::vector<Round>> build_undo(const recipe::Recipe& recipe, const Plan& plan, std::int64_t now,
                                      const std::string& operator_name) {
  std::vector<Round> rounds;
  rounds.push_back(on_changing_hosts(Phase::undo, plan, [&](const PlannedHost& host) {
    const release::Facts& facts = host.facts;
    const std::string before = release::standing_release(facts);
    if (before.empty()) return std::vector<Step>{Unpublish{plan.release, release::link_before(facts)}};
    // What an earlier rollback has left undone there is so again, until the tasks have gone well.
    return std::vector<Step>{Publish{before, plan.release, facts.unsettled}};
  }));
  TaskScene scene{recipe, plan.layout, "undo", plan.release, plan.hosts};
  scene.place = TaskScene::Place::before;
  TRY(add_hooks(rounds, scene, recipe::HookPoint::after_publish, Phase::undo));
  rounds.push_back(on_changing_hosts(Phase::undo, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{settle_undo(plan, host.facts, now, operator_name)};
  }));
  return rounds;
}

}  // namespace kirikae::plan
