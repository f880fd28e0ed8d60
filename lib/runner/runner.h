// Runner: carries out a plan, stretch by stretch, with a barrier after each. It decides nothing but when to stop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "event/event.h"
#include "plan/plan.h"
#include "plan/stretch.h"
#include "runner/emitter.h"
#include "runner/host_run.h"
#include "runner/payloads.h"
#include "runner/step_exec.h"
#include "runner/task_group.h"

namespace kirikae::runner {

// How far a run came; with the hosts' own HostRuns it is what the report is made from.
struct RunState {
  std::vector<HostRun> hosts;  // as in Plan::hosts
  std::vector<Error> errors;   // of this machine: a local task, packing
  std::vector<std::string> undone_badly{};  // local tasks of the way back that have failed
  bool interrupted = false;

  [[nodiscard]] bool failed() const;
  [[nodiscard]] bool switch_begun() const;  // on any host
  // Every host that the plan changes serves the release for good: from here on nothing is taken back.
  [[nodiscard]] bool all_settled(const plan::Plan& plan) const;
};

// A new session with a host of the plan whose old one is gone.
using Reconnect = std::function<Result<std::unique_ptr<ssh::Transport>>(std::size_t host)>;

class Runner {
 public:
  // All of them outlive the runner. `payloads` is null for a run without.
  Runner(const plan::Plan& plan, TaskGroup& group, Payloads* payloads, const Emitter& emit, std::stop_token stop);

  // Runs the plan until something fails or a stop is asked for. Stops are looked at between steps, and end running tasks; a switch
  // that was begun is finished on its host.
  void run();
  // After a run that switched hosts and was not settled on all: every host that was switched, or may have been, goes back to what it
  // ran, its tasks run there, and the records say so. What can't be done is an error of the run; the rest is done all the same.
  // No stop ends it, but each part has a limit in time.
  void undo(const Reconnect& reconnect);
  // After a run that did not go well: hosts that were not switched get the audit's line of it. Of a deploy these are those that have the
  // release's folder, and there it is marked failed; of a rollback, which marks nothing, those that were to be switched.
  void note_failed(const std::string& json_line);
  // After a rollback that went well: the hosts that were there already get the audit's line of it, and nothing else.
  void note_already(const std::string& json_line);
  // After a prune that did not go well: the hosts that failed, and still have our lock, get the audit's line of it, where it isn't empty.
  void note_failed_prune(const std::function<std::string(const plan::PlannedHost&)>& json_line);
  // The recipe's `failed` hooks, on the hosts that have the release's folder. What fails here is a warning.
  void run_failed_hooks();

  [[nodiscard]] RunState& state() { return state_; }

 private:
  void enter(event::Phase phase, const plan::Round& round);
  void enter(event::Phase phase, std::vector<std::string> hosts);
  void leave();
  void run_stretch(const plan::Stretch& stretch, bool last);
  void run_steps(const plan::Stretch::Host& work, bool last, Station& station, const std::function<void(event::Phase)>& ended);
  [[nodiscard]] std::size_t row_size(std::span<const plan::StretchStep> steps, std::size_t host) const;
  Result<plan::Step> another_payload(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed);
  void undo_round(const plan::Round& round, const Reconnect& reconnect);
  Result<void> undo_step(std::size_t host, const plan::Step& step, Station& station, const Reconnect& reconnect);
  void warn(const std::string& host, std::string text) const { emit_(event::Warning{host, std::move(text)}); }
  void write(const std::vector<std::size_t>& hosts, const std::function<host::Command(const plan::PlannedHost&)>& what,
             const std::string& warning);
  [[nodiscard]] Result<std::string> await_payload_sum(std::size_t host, Station& station) const;

  const plan::Plan& plan_;
  TaskGroup& group_;
  Payloads* payloads_;
  const Emitter& emit_;
  std::stop_token stop_;
  plan::RunValues values_;
  RunState state_;
  std::atomic<bool> give_up_ = false;  // a host of this stretch has failed: the others begin no further step
  std::atomic<bool> left_out_ = false;  // steps were not begun because of a stop
  std::optional<event::Phase> phase_;
  double phase_start_ = 0;
  std::atomic<int> failed_hosts_ = 0;
};

}  // namespace kirikae::runner
