// From how far a run came to what is reported of it. Pure.
#pragma once

#include <string>

#include "event/outcome.h"
#include "plan/plan.h"
#include "runner/runner.h"

namespace kirikae::runner {

// `command`: how this tool was called for the recipe ("deploy", "deploy --recipe other.yml"), for the advice.
event::Report conclude(const plan::Plan& plan, const RunState& state, double seconds, const std::string& command);

// A run that ended before there was a plan: connecting or preflight failed, or was interrupted; nothing was written.
event::Outcome outcome_before_writing(const std::vector<Error>& errors, bool interrupted);

}  // namespace kirikae::runner
