// Stretch: rounds of a plan between which the hosts need not wait for each other, so that each goes from one to the next at its own
// pace, and in as few round trips as it can.
#pragma once

#include <optional>
#include <vector>

#include "plan/plan.h"

namespace kirikae::plan {

struct StretchStep {
  event::Phase phase;
  const Step* step = nullptr;  // in the plan, which outlives this
};

struct Stretch {
  std::vector<event::Phase> phases;  // in order
  const LocalTask* local = nullptr;  // then it is the only thing
  struct Host {
    std::size_t host = 0;  // index in Plan::hosts
    std::vector<StretchStep> steps;
  };
  std::vector<Host> hosts;
};

// All rounds of the plan, in order. What stays apart: tasks; but on a lone host, the switch from what comes before it and after it, and
// a prune from the records; and there, too, a prune that would take what the way back needs.
std::vector<Stretch> stretches(const Plan& plan);

}  // namespace kirikae::plan
