// What `deploy prune` removes, and the plan for it. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace kirikae::plan {

struct PruneInput {
  const recipe::Recipe& recipe;
  std::vector<HostFacts> hosts;
  std::int64_t now = 0;
  std::optional<int> keep;  // none: the recipe's keep_releases
  std::string operator_name;
};
// A plan without rounds where there is nothing to remove. Errors: a `once` task of before_prune or after_prune without a host.
Result<Plan> build_prune(const PruneInput& input);

// The audit's line, as json_line has it, of a host of the plan where it did not go well; empty where there was nothing to remove.
std::string failed_prune_line(const Plan& plan, const PlannedHost& host);

// What would be removed, equal hosts in one line.
std::string prune_text(const Plan& plan);
// What was.
std::string pruned_text(const Plan& plan);

}  // namespace kirikae::plan
