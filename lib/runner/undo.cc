// The way back of a run: part of Runner, in a file of its own.
#include <algorithm>
#include <set>

#include "runner/runner.h"

namespace kirikae::runner {
namespace {

using Undone = HostRun::Undone;

bool restores_current(const plan::Step& step) {
  return std::holds_alternative<plan::Publish>(step) || std::holds_alternative<plan::Unpublish>(step);
}

// What the tasks before the switch may have changed for good (a database, say).
std::string lasting_tasks(const plan::Plan& plan) {
  std::set<std::string> names;
  for (const auto& round : plan.rounds) {
    if (round.phase != event::Phase::build) continue;
    if (round.local) names.insert(round.local->task);
    for (const auto& host : round.hosts) {
      for (const auto& step : host.steps) {
        if (const auto* task = std::get_if<plan::RunTask>(&step)) names.insert(task->task);
      }
    }
  }
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void Runner::undo(const Reconnect& reconnect) {
  for (HostRun& run : state_.hosts) {
    if (run.switched != HostRun::Switched::no) run.undone = Undone::no;
  }
  if (const auto tasks = lasting_tasks(plan_); !tasks.empty()) {
    warn("", "hosts that were switched go back to what they ran; what these tasks have changed outside of the release stays: " + tasks);
  } else {
    warn("", "hosts that were switched go back to what they ran");
  }
  for (const plan::Round& round : plan_.undo) undo_round(round, reconnect);
  leave();
}

void Runner::undo_round(const plan::Round& round, const Reconnect& reconnect) {
  if (round.local) {
    enter(round.phase, round);
    auto done = exec_local(limited(*round.local), round.phase, values_, emit_, {});
    if (!done) {
      state_.undone_badly.push_back(round.local->task);
      state_.errors.push_back(std::move(done).error().with_context("undo"));
    }
    return;
  }
  plan::Round needed{round.phase, std::nullopt, {}};
  for (const auto& work : round.hosts) {
    const Undone undone = state_.hosts[work.host].undone;
    const plan::Step& step = work.steps.front();
    // The records are true of a host whose tasks have failed, too: its link is back.
    const bool recorded = std::holds_alternative<plan::Settle>(step) && undone == Undone::link_only;
    if (recorded || undone == (restores_current(step) ? Undone::no : Undone::yes)) needed.hosts.push_back(work);
  }
  if (needed.hosts.empty()) return;
  enter(round.phase, needed);
  std::vector<std::size_t> hosts;
  for (const auto& work : needed.hosts) hosts.push_back(work.host);
  std::vector<std::optional<Error>> errors(plan_.hosts.size());
  group_.run(hosts, [&](std::size_t index, Station& station) {
    const auto work = std::find_if(needed.hosts.begin(), needed.hosts.end(), [&](const auto& w) { return w.host == index; });
    const plan::Step& step = work->steps.front();
    HostRun& run = state_.hosts[index];
    plan::Step bounded = limited(step);
    auto* const settle = std::get_if<plan::Settle>(&bounded);
    if (settle != nullptr && (run.undone == Undone::link_only || !state_.undone_badly.empty())) {
      settle->entry.detail = plan::tasks_missing;
      // A rollback that had died there before still has its tasks to do.
      if (!plan_.hosts[index].facts.unsettled.empty()) settle->ends_rollback = false;
    }
    auto done = undo_step(index, bounded, station, reconnect);
    if (done && restores_current(step)) run.undone = Undone::yes;
    if (const auto* task = std::get_if<plan::RunTask>(&step); done && task != nullptr) run.undone_tasks.push_back(task->task);
    if (done) return;
    if (std::holds_alternative<plan::Settle>(step)) {
      warn(plan_.hosts[index].host.name, "it is back, but its records could not be written: " + done.error().message);
      return;
    }
    if (!restores_current(step)) run.undone = Undone::link_only;
    errors[index] = std::move(done).error().with_context("undo");
  });
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (!errors[i]) continue;
    // Beside the host's own error, where it has none yet: so the table shows it.
    if (state_.hosts[i].error) {
      state_.errors.push_back(*std::move(errors[i]));
    } else {
      state_.hosts[i].error = std::move(errors[i]);
    }
  }
}

// On the host's own thread. Once more over a new connection where the old one is gone, or goes with this step: each of them may be
// done twice.
Result<void> Runner::undo_step(std::size_t index, const plan::Step& step, Station& station, const Reconnect& reconnect) {
  const plan::PlannedHost& host = plan_.hosts[index];
  const StepContext context{plan_, nullptr, nullptr, values_, emit_, {}};
  HostRun scratch = state_.hosts[index];
  scratch.foreign = scratch.lock_lost = false;
  Result<void> done = std::unexpected(Error(ErrorCode::lost, "the connection was lost").on(host.host.name));
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (station.transport && still_there(station)) {
      done = exec_step(context, host, *station.transport, event::Phase::undo, step, scratch);
      state_.hosts[index].foreign = scratch.foreign;
      state_.hosts[index].lock_lost = scratch.lock_lost;
      state_.hosts[index].seconds = scratch.seconds;
      // It may have been done, although it did not end as it should.
      if (!done && scratch.switched == HostRun::Switched::unknown) state_.hosts[index].switched = HostRun::Switched::unknown;
      if (done || done.error().code != ErrorCode::lost) return done;
    }
    station.transport.reset();
    const double start = emit_.seconds();
    auto transport = reconnect(index);
    state_.hosts[index].seconds = scratch.seconds += emit_.seconds() - start;
    if (!transport) return std::unexpected(std::move(transport).error().on(host.host.name));
    station.transport = *std::move(transport);
    station.lost.reset();
  }
  return done;
}

}  // namespace kirikae::runner
