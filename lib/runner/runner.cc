#include "runner/runner.h"

#include <algorithm>
#include <chrono>

namespace kirikae::runner {
namespace {

std::vector<std::size_t> hosts_of(const plan::Round& round) {
  std::vector<std::size_t> hosts;
  for (const auto& work : round.hosts) hosts.push_back(work.host);
  return hosts;
}

bool has_unpack(const plan::Round& round) {
  return std::any_of(round.hosts.begin(), round.hosts.end(), [](const plan::HostSteps& work) {
    return std::any_of(work.steps.begin(), work.steps.end(),
                       [](const plan::Step& step) { return std::holds_alternative<plan::Unpack>(step); });
  });
}

}  // namespace

bool RunState::failed() const {
  return !errors.empty() || std::any_of(hosts.begin(), hosts.end(), [](const HostRun& run) { return run.error.has_value(); });
}

bool RunState::switch_begun() const {
  return std::any_of(hosts.begin(), hosts.end(), [](const HostRun& run) { return run.switched != HostRun::Switched::no; });
}

bool RunState::all_settled(const plan::Plan& plan) const {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].settled && !plan.hosts[i].already) return false;
  }
  return true;
}

Runner::Runner(const plan::Plan& plan, TaskGroup& group, transfer::Artifact* artifact, const Emitter& emit, std::stop_token stop)
    : plan_(plan), group_(group), artifact_(artifact), emit_(emit), stop_(std::move(stop)), values_{{}, plan.revision} {
  state_.hosts.resize(plan.hosts.size());
}

void Runner::run() {
  for (const plan::Round& round : plan_.rounds) {
    if (stop_.stop_requested()) state_.interrupted = true;
    if (state_.interrupted) break;
    enter(round.phase, round);
    if (!run_round(round)) break;
    if (artifact_ != nullptr && has_unpack(round)) learn_payload();
    if (!state_.errors.empty()) break;
  }
  leave();
  if (stop_.stop_requested() && state_.failed()) state_.interrupted = true;
}

void Runner::enter(event::Phase phase, const plan::Round& round) {
  if (phase_ == phase) return;
  leave();
  phase_ = phase;
  phase_start_ = emit_.seconds();
  std::vector<std::string> names;
  for (const auto& work : round.hosts) names.push_back(plan_.hosts[work.host].host.name);
  emit_(event::PhaseStarted{phase, std::move(names)});
}

void Runner::leave() {
  if (!phase_) return;
  const bool back = *phase_ == event::Phase::undo;  // what failed before it is no failure of the way back
  const auto failed = std::count_if(state_.hosts.begin(), state_.hosts.end(), [back](const HostRun& run) {
    return back ? run.undone == HostRun::Undone::no || run.undone == HostRun::Undone::link_only : run.error.has_value();
  });
  emit_(event::PhaseFinished{*phase_, emit_.seconds() - phase_start_, static_cast<int>(failed)});
  phase_.reset();
}

// False: the run ends here.
bool Runner::run_round(const plan::Round& round) {
  if (round.local) {
    auto done = exec_local(*round.local, round.phase, values_, emit_, stop_);
    if (!done) state_.errors.push_back(std::move(done).error());
  } else {
    group_.run(hosts_of(round), [&](std::size_t host, Station& station) {
      const auto work = std::find_if(round.hosts.begin(), round.hosts.end(), [&](const auto& w) { return w.host == host; });
      run_steps(*work, round.phase, station);
    });
  }
  return !state_.failed();
}

// On the host's own thread.
void Runner::run_steps(const plan::HostSteps& work, event::Phase phase, Station& station) {
  const plan::PlannedHost& host = plan_.hosts[work.host];
  HostRun& run = state_.hosts[work.host];
  const StepContext context{plan_, artifact_, values_, emit_, stop_};
  for (const plan::Step& step : work.steps) {
    if (give_up_ || stop_.stop_requested()) return;
    Result<void> done = station.lost ? Result<void>(std::unexpected(Error(*station.lost).on(host.host.name)))
                                     : exec_step(context, host, *station.transport, phase, step, run);
    if (done) continue;
    if (std::holds_alternative<plan::Prune>(step) && plan_.action != "prune") {  // the new release serves: what could not be removed is no failure
      warn(host.host.name, done.error().message);
      return;
    }
    run.error = std::move(done).error();
    give_up_ = true;
    return;
  }
}

// Every host has all of it by now, so its sum is known.
void Runner::learn_payload() {
  auto sum = artifact_->sha256();
  if (!sum) {
    state_.errors.push_back(std::move(sum).error());
    return;
  }
  values_.sha256 = *sum;
  if (values_.revision.empty()) values_.revision = *sum;
}

void Runner::mark_failed(const std::string& json_line) {
  std::vector<std::size_t> prepared;
  for (std::size_t i = 0; i < state_.hosts.size(); ++i) {
    const HostRun& run = state_.hosts[i];
    if (run.prepared && run.switched == HostRun::Switched::no) prepared.push_back(i);
  }
  group_.run(prepared, [&](std::size_t index, Station& station) {
    if (station.lost || !station.transport) return;  // it stays `preparing` or `ready` there, which the next success removes as well
    const plan::PlannedHost& host = plan_.hosts[index];
    host::Command command{"mark failed", host::mark(plan_.layout, plan_.release, release::State::failed, host.facts).text +
                                             host::log(plan_.layout, json_line, {}).text};
    if (!host.facts.lock_token.empty()) command.text = host::guard(plan_.layout, host.facts.lock_token) + command.text;
    const auto ignore = [](ssh::Stream, std::string_view) {};
    auto done = station.transport->exec(command, ignore, {Deadline::in(std::chrono::seconds(30)), {}});
    if (!done || !done->ok()) warn(host.host.name, "the failed release could not be marked; the next deploy removes it all the same");
  });
}

void Runner::run_failed_hooks() {
  const StepContext context{plan_, artifact_, values_, emit_, {}};
  for (const plan::Round& round : plan_.failed) {
    if (round.local) {
      auto done = exec_local(*round.local, round.phase, values_, emit_, {});
      if (!done) warn("", to_text(done.error()));
      continue;
    }
    plan::Round reachable{round.phase, std::nullopt, {}};
    for (const auto& work : round.hosts) {
      if (state_.hosts[work.host].prepared || plan_.action == "rollback") reachable.hosts.push_back(work);
    }
    group_.run(hosts_of(reachable), [&](std::size_t index, Station& station) {
      if (station.lost || !station.transport) return;
      const auto work = std::find_if(reachable.hosts.begin(), reachable.hosts.end(), [&](const auto& w) { return w.host == index; });
      HostRun unused = state_.hosts[index];
      auto done = exec_step(context, plan_.hosts[index], *station.transport, round.phase, work->steps.front(), unused);
      if (!done) warn(plan_.hosts[index].host.name, done.error().message);
    });
  }
}

}  // namespace kirikae::runner
