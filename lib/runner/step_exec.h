// Runs one step on one host, or one task on this machine, and tells about it.
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "core/error.h"
#include "plan/plan.h"
#include "plan/stretch.h"
#include "runner/emitter.h"
#include "runner/host_run.h"
#include "runner/payloads.h"
#include "ssh/transport.h"

namespace kirikae::runner {

struct StepContext {
  const plan::Plan& plan;
  transfer::Artifact* artifact;  // of this host; null: nothing is sent, or by rsync
  const RsyncSource* rsync;      // null: by the artifact
  const plan::RunValues& values;
  const Emitter& emit;
  std::stop_token stop;
};

// Several steps in one round trip. Emits for each StepStarted, output and progress, StepFinished; notes in `run` what has changed.
// A stop ends a step that may be left half done, and no other. Each step has its own limit in time.
struct StepRow {
  std::span<const plan::StretchStep> steps;
  bool last = false;                             // of the run: then the lock is freed with it
  std::function<void(std::size_t)> ended = [](std::size_t) {};  // a step (its index) went well
};
struct RowFailure {
  std::size_t step = 0;  // index of the one that failed; those behind it were not begun
  Error error;           // with the host's own words (code remote, lost, timeout, cancelled, local; locked: the run's lock was lost)
  bool stopped_before = false;  // the run was asked to stop before this step began
  // Of an unpack that needs another payload: paths of the release it builds on that are not what they were; `*`: nothing of it can be used.
  std::vector<std::string> changed{};
};
std::optional<RowFailure> exec_row(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport,
                                   const StepRow& row, HostRun& run);

// One step. Error: as above.
Result<void> exec_step(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport, event::Phase phase,
                       const plan::Step& step, HostRun& run);

// Nobody stops what runs after a failure, so a task without a limit of its own gets one there: five minutes.
plan::Step limited(plan::Step step);
plan::LocalTask limited(plan::LocalTask task);

Result<void> exec_local(const plan::LocalTask& task, event::Phase phase, const plan::RunValues& values, const Emitter& emit,
                        std::stop_token stop);

}  // namespace kirikae::runner
