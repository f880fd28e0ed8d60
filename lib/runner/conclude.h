// From how far a run came to what is reported of it. Pure.
#pragma once

#include <string>

#include "event/outcome.h"
#include "plan/plan.h"
#include "runner/runner.h"

namespace kirikae::runner {

// How a person calls this tool again, for the advice.
struct Call {
  std::string command;     // for the recipe: "deploy", "deploy --recipe other.yml"
  std::string hosts{};     // for the hosts of the run: " --roles app"; empty: all of the stage
  std::string revision{};  // for a deploy of the same: " --tag v1"; empty: nothing chose it
};

event::Report conclude(const plan::Plan& plan, const RunState& state, double seconds, const Call& call);

// A run that ended before there was a plan: connecting or preflight failed, or was interrupted; nothing was written.
event::Outcome outcome_before_writing(const std::vector<Error>& errors, bool interrupted);

}  // namespace kirikae::runner
