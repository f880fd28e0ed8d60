// Runs one step on one host, or one task on this machine, and tells about it.
#pragma once

#include <stop_token>

#include "core/error.h"
#include "plan/plan.h"
#include "runner/emitter.h"
#include "runner/host_run.h"
#include "ssh/transport.h"
#include "transfer/artifact.h"

namespace kirikae::runner {

struct StepContext {
  const plan::Plan& plan;
  transfer::Artifact* artifact;  // null: a run without payload
  const plan::RunValues& values;
  const Emitter& emit;
  std::stop_token stop;
};

// Emits StepStarted, output and progress, StepFinished; notes in `run` what has changed. Error: the step's failure, with the host's
// own words (code remote, lost, timeout, cancelled, local).
Result<void> exec_step(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport, event::Phase phase,
                       const plan::Step& step, HostRun& run);

Result<void> exec_local(const plan::LocalTask& task, event::Phase phase, const plan::RunValues& values, const Emitter& emit,
                        std::stop_token stop);

}  // namespace kirikae::runner
