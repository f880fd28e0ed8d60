#include "plan/prune.h"

#include <fmt/format.h>

#include "core/fold.h"
#include "plan/preflight.h"
#include "plan/rounds.h"
#include "plan/tasks.h"

namespace kirikae::plan {
namespace {

using event::Phase;
using recipe::HookPoint;

// For the audit, which reads no line that is longer than a few KB.
std::string shortened_text(Prune removal) {
  constexpr std::size_t most = 10;
  if (const std::size_t count = removal.ids.size(); count > most) {
    removal.ids.resize(most);
    removal.ids.push_back(fmt::format("{} more", count - most));
  }
  return removal_text(removal);
}

// The audit only: no record changes.
Step log_entry(const PruneInput& input, const std::string& removed) {
  Settle settle;
  settle.entry = {input.now, "prune", input.recipe.application, input.recipe.stage, {}, {}, {}, input.operator_name, "good",
                  "removed " + removed};
  return settle;
}

std::vector<Remark> removals(const Plan& plan) {
  std::vector<Remark> each;
  for (const Round& round : plan.rounds) {
    for (const HostSteps& work : round.hosts) {
      for (const Step& step : work.steps) {
        const auto* prune = std::get_if<Prune>(&step);
        if (prune != nullptr) each.push_back({plan.hosts[work.host].host.name, removal_text(*prune)});
      }
    }
  }
  return each;
}

std::string text_with(const Plan& plan, std::string_view what) {
  std::string text;
  for (const auto& [ids, hosts] : folded(removals(plan))) text += fmt::format("{}: {} {}\n", fold_names(hosts), what, ids);
  return text.empty() ? "there is nothing to remove\n" : text;
}

}  // namespace

Result<Plan> build_prune(const PruneInput& input) {
  Plan plan = blank_plan(input.recipe, "prune", input.hosts);
  const auto facts = facts_of(input.hosts);
  const auto target = release::previous_release(facts).value_or("");
  Round prune{Phase::prune, std::nullopt, {}};
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    Prune removal{release::to_prune_now(facts[i], target, input.keep.value_or(input.recipe.keep_releases)), facts[i].half_pruned};
    if (removal.ids.empty() && !removal.rest) continue;
    Step log = log_entry(input, shortened_text(removal));
    prune.hosts.push_back({i, {std::move(removal), std::move(log)}});
  }
  if (prune.hosts.empty()) return plan;
  TaskScene scene{input.recipe, plan.layout, plan.action, {}, plan.hosts};
  scene.place = TaskScene::Place::before;
  for (const HostSteps& work : prune.hosts) scene.only.push_back(work.host);
  TRY(add_hooks(plan.rounds, scene, HookPoint::before_prune, Phase::prune));
  plan.rounds.push_back(std::move(prune));
  TRY(add_hooks(plan.rounds, scene, HookPoint::after_prune, Phase::prune));
  return plan;
}

std::string failed_prune_line(const Plan& plan, const PlannedHost& host) {
  for (const Round& round : plan.rounds) {
    for (const HostSteps& work : round.hosts) {
      const auto* prune = std::get_if<Prune>(&work.steps.front());
      if (prune == nullptr || &plan.hosts[work.host] != &host) continue;
      LogEntry entry = std::get<Settle>(work.steps.back()).entry;
      entry.result = "failed";
      entry.detail = "was to remove " + shortened_text(*prune);
      return json_line(entry);
    }
  }
  return {};
}

std::string prune_text(const Plan& plan) { return text_with(plan, "would remove"); }

std::string pruned_text(const Plan& plan) { return text_with(plan, "removed"); }

}  // namespace kirikae::plan
