// What the builders of plans have in common.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "plan/tasks.h"

namespace kirikae::plan {

// Without a release and rounds; no host is `already` where it goes.
inline Plan blank_plan(const recipe::Recipe& recipe, std::string action, const std::vector<HostFacts>& hosts) {
  Plan plan;
  plan.action = std::move(action);
  plan.application = recipe.application;
  plan.stage = recipe.stage;
  plan.layout = release::Layout(recipe.deploy_to);
  for (const auto& host : hosts) plan.hosts.push_back({host.host, host.facts, false});
  return plan;
}

inline std::vector<release::Facts> facts_of(const std::vector<HostFacts>& hosts) {
  std::vector<release::Facts> facts;
  for (const auto& host : hosts) facts.push_back(host.facts);
  return facts;
}

// One round of what `make` gives for each host (std::vector<Step>), but for those that are `already` where the plan leads.
template <class Make>
Round on_changing_hosts(event::Phase phase, const Plan& plan, Make make) {
  Round round{phase, std::nullopt, {}};
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    if (!plan.hosts[i].already) round.hosts.push_back({i, make(plan.hosts[i])});
  }
  return round;
}

// Adds those of hook_rounds().
inline Result<void> add_hooks(std::vector<Round>& rounds, const TaskScene& scene, recipe::HookPoint point, event::Phase phase) {
  TRY_ASSIGN(auto more, hook_rounds(scene, point, phase));
  for (Round& round : more) rounds.push_back(std::move(round));
  return {};
}

}  // namespace kirikae::plan
