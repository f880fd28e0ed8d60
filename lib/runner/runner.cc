#include "runner/runner.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace kirikae::runner {
namespace {

std::vector<std::size_t> hosts_of(const plan::Round& round) {
  std::vector<std::size_t> hosts;
  for (const auto& work : round.hosts) hosts.push_back(work.host);
  return hosts;
}

template <class What>
bool is(const plan::StretchStep& each) {
  return std::holds_alternative<What>(*each.step);
}

// Of so few bytes the packing is not worth a round trip of its own, and is waited for.
constexpr std::uint64_t soon_packed = 16 << 20;

// An upload that goes on finding other files than the host's lists say builds on none of them in the end.
constexpr std::size_t most_payloads = 3;

constexpr std::string_view no_line = "the audit log has no line of this rollback";

Error unstable_base(const plan::PlannedHost& host) {
  return Error(ErrorCode::remote, "unpack: the files of a release that it builds on change all the time",
               "find out what writes into releases there, or set 'transfer: tarball'")
      .on(host.host.name);
}

// What goes behind an upload on the same channel, where nobody could stop it: only what takes a moment.
bool is_short(const plan::StretchStep& each) {
  if (is<plan::Seal>(each)) return true;
  const auto* link = std::get_if<plan::Link>(each.step);
  return link != nullptr && (link->copied.empty() || link->info.previous.empty());
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

Runner::Runner(const plan::Plan& plan, TaskGroup& group, Payloads* payloads, const Emitter& emit, std::stop_token stop)
    : plan_(plan), group_(group), payloads_(payloads), emit_(emit), stop_(std::move(stop)), values_{{}, plan.revision} {
  state_.hosts.resize(plan.hosts.size());
}

void Runner::run() {
  const auto stretches = plan::stretches(plan_);
  for (const plan::Stretch& stretch : stretches) {
    if (stop_.stop_requested()) state_.interrupted = true;
    if (state_.interrupted) break;
    if (stretch.local != nullptr) {
      enter(stretch.phases.front(), std::vector<std::string>());
      auto done = exec_local(*stretch.local, stretch.phases.front(), values_, emit_, stop_);
      if (!done && state_.all_settled(plan_)) {
        warn("", to_text(done.error()));
        state_.interrupted = stop_.stop_requested();
        break;
      }
      if (!done) state_.errors.push_back(std::move(done).error());
    } else {
      run_stretch(stretch, &stretch == &stretches.back());
    }
    if (state_.failed()) break;
    if (left_out_) state_.interrupted = true;
    if (state_.interrupted) break;
  }
  leave();
  if (stop_.stop_requested() && state_.failed()) state_.interrupted = true;
}

void Runner::enter(event::Phase phase, const plan::Round& round) {
  std::vector<std::string> names;
  for (const auto& work : round.hosts) names.push_back(plan_.hosts[work.host].host.name);
  enter(phase, std::move(names));
}

void Runner::enter(event::Phase phase, std::vector<std::string> hosts) {
  if (phase_ == phase) return;
  leave();
  phase_ = phase;
  phase_start_ = emit_.seconds();
  emit_(event::PhaseStarted{phase, std::move(hosts)});
}

void Runner::leave() {
  if (!phase_) return;
  int failed = failed_hosts_;
  if (*phase_ == event::Phase::undo) {  // what failed before it is no failure of the way back
    failed = static_cast<int>(std::count_if(state_.hosts.begin(), state_.hosts.end(), [](const HostRun& run) {
      return run.undone == HostRun::Undone::no || run.undone == HostRun::Undone::link_only;
    }));
  }
  emit_(event::PhaseFinished{*phase_, emit_.seconds() - phase_start_, failed});
  phase_.reset();
}

// A phase of a stretch begins when all hosts have ended the one before, so that phases follow each other; a host that is ahead
// may have steps of the next one done by then.
void Runner::run_stretch(const plan::Stretch& stretch, bool last) {
  std::map<event::Phase, std::vector<std::string>> names;
  std::map<event::Phase, std::size_t> left;
  std::vector<std::size_t> hosts;
  for (const auto& work : stretch.hosts) {
    hosts.push_back(work.host);
    for (const auto& each : work.steps) {
      auto& of_phase = names[each.phase];
      const std::string& name = plan_.hosts[work.host].host.name;
      if (of_phase.empty() || of_phase.back() != name) of_phase.push_back(name);
      ++left[each.phase];
    }
  }
  std::mutex mutex;
  auto current = stretch.phases.begin();
  enter(*current, names[*current]);
  const auto ended = [&](event::Phase phase) {
    const std::lock_guard lock(mutex);
    --left[phase];
    while (left[*current] == 0 && std::next(current) != stretch.phases.end()) {
      ++current;
      enter(*current, names[*current]);
    }
  };
  group_.run(hosts, [&](std::size_t host, Station& station) {
    const auto work = std::find_if(stretch.hosts.begin(), stretch.hosts.end(), [&](const auto& w) { return w.host == host; });
    run_steps(*work, last && stretch.hosts.size() == 1, station, ended);
  });
}

// On the host's own thread.
void Runner::run_steps(const plan::Stretch::Host& work, bool last, Station& station,
                       const std::function<void(event::Phase)>& ended) {
  const plan::PlannedHost& host = plan_.hosts[work.host];
  HostRun& run = state_.hosts[work.host];
  plan::RunValues values = values_;
  const auto skip = [&](std::span<const plan::StretchStep> steps) {
    for (const auto& each : steps) ended(each.phase);
  };
  if (run.enough) return skip(work.steps);
  const auto fail = [&](Error error) {
    run.error = std::move(error);
    ++failed_hosts_;
    give_up_ = true;
  };
  // The new release serves, and its records say so: what fails now takes nothing back.
  const auto leave_rest = [&](const Error& error, std::span<const plan::StretchStep> steps) {
    warn(host.host.name, error.message);
    run.enough = true;
    skip(steps);
  };
  // As the plan has them, but for a payload that had to be another one.
  std::vector<plan::StretchStep> all = work.steps;
  std::deque<plan::Step> others;
  for (std::span<const plan::StretchStep> steps = all; !steps.empty();) {
    if (stop_.stop_requested()) left_out_ = true;
    if (give_up_ || left_out_) return;
    if (auto there = still_there(station); !there) {
      if (run.settled) return leave_rest(there.error(), steps);
      return fail(std::move(there).error().on(host.host.name));
    }
    const auto row = steps.first(row_size(steps, work.host));
    steps = steps.subspan(row.size());
    if (std::any_of(row.begin(), row.end(), is<plan::Link>)) {
      auto sum = await_payload_sum(work.host, station);
      if (!sum) return fail(std::move(sum).error().on(host.host.name));
      values.sha256 = *std::move(sum);
    }
    const bool unpacks = std::any_of(row.begin(), row.end(), is<plan::Unpack>);
    const RsyncSource* const rsync = unpacks ? payloads_->rsync() : nullptr;
    const StepContext context{plan_, unpacks && rsync == nullptr ? &payloads_->of(work.host) : nullptr, rsync, values, emit_, stop_};
    auto failed = exec_row(context, host, *station.transport,
                           {row, last && steps.empty(), [&](std::size_t index) { ended(row[index].phase); }}, run);
    if (!failed) continue;
    if (!failed->changed.empty() && others.size() < most_payloads) {
      if (others.size() + 1 == most_payloads) failed->changed = {"*"};  // nothing of the last one can turn out to be other than it was believed
      auto other = another_payload(work.host, std::get<plan::Unpack>(*row[failed->step].step), failed->changed);
      if (!other) return fail(std::move(other).error().on(host.host.name));
      const auto index = all.size() - steps.size() - row.size() + failed->step;
      all[index].step = &others.emplace_back(*std::move(other));
      steps = std::span(all).subspan(index);
      continue;
    }
    if (!failed->changed.empty()) failed->error = unstable_base(host);
    if (run.settled) {
      // Before: while the records in the same row were written.
      const bool task = is<plan::RunTask>(row[failed->step]);
      if (failed->stopped_before || (task && stop_.stop_requested())) left_out_ = true;
      return leave_rest(failed->error, std::span(work.steps).last(steps.size() + row.size() - failed->step));
    }
    return fail(std::move(failed->error));
  }
}

// The host's own files were not what it was believed to have.
Result<plan::Step> Runner::another_payload(std::size_t index, const plan::Unpack& before, const std::vector<std::string>& changed) {
  const std::string& name = plan_.hosts[index].host.name;
  const bool nothing = std::find(changed.begin(), changed.end(), "*") != changed.end();
  const auto shown = fmt::format("{}{}", fmt::join(std::span(changed).first(std::min<std::size_t>(changed.size(), 3)), ", "), changed.size() > 3 ? " …" : "");
  if (before.rsync) {
    warn(name, nothing ? fmt::format("not all that release {} has can be read there: rsync compares contents now", before.rsync->base)
                       : fmt::format("what rsync took for the same by time and size is not the same: {}: it compares contents now", shown));
    return payloads_->again(index, before, changed);
  }
  const std::string& base = before.rebuild->base;
  if (nothing) {
    warn(name,
         fmt::format("release {} can't be built upon, since too much of it has changed: everything is sent", base));
  } else if (changed.size() == 1) {
    warn(name, fmt::format("1 file of release {} is no longer as it was sent, and is sent again: {}", base, shown));
  } else {
    warn(name, fmt::format("{} files of release {} are no longer as they were sent, and are sent again: {}",
                           changed.size(), base, shown));
  }
  TRY_ASSIGN(auto other, payloads_->again(index, before, changed));
  return other;
}

// How many of the steps go to the host in one go.
std::size_t Runner::row_size(std::span<const plan::StretchStep> steps, std::size_t host) const {
  std::size_t size = 0;
  const plan::Unpack* upload = nullptr;
  for (const auto& each : steps) {
    // Everything else on its channel is rsync's, and it has ended well when it has done so on both sides.
    const auto* payload = std::get_if<plan::Unpack>(each.step);
    if (payload != nullptr && payload->rsync) return std::max<std::size_t>(size, 1);
    if (size > 0 && (is<plan::RunTask>(steps.front()) || is<plan::RunTask>(each) || is<plan::Publish>(each))) break;
    // With the sum that the host has to find.
    if (upload != nullptr && (!is_short(each) || (upload->bytes > soon_packed && payloads_->of(host).total() == 0))) break;
    if (upload == nullptr) upload = payload;
    ++size;
  }
  return size;
}

// On the host's own thread. The host hears from us meanwhile: it frees the lock of a client that is silent for a minute.
Result<std::string> Runner::await_payload_sum(std::size_t host, Station& station) const {
  if (const RsyncSource* rsync = payloads_->rsync()) return rsync->digest;
  transfer::Artifact& artifact = payloads_->of(host);
  const auto packed = std::make_shared<Waker>();
  if (!artifact.has_ended(packed)) TRY(station.transport->idle(*packed));
  return artifact.sha256();
}

void Runner::note_failed(const std::string& json_line) {
  const bool rollback = plan_.action == "rollback";
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < state_.hosts.size(); ++i) {
    const HostRun& run = state_.hosts[i];
    const bool has_lock = !run.error || run.error->code != ErrorCode::locked;
    if ((rollback ? !plan_.hosts[i].already && has_lock : run.prepared) && run.switched == HostRun::Switched::no) left.push_back(i);
  }
  write(left,
        [&](const plan::PlannedHost& host) {
          const host::Command log = host::log(plan_.layout, json_line, {});
          if (rollback) return log;
          return host::joined("mark failed", {host::mark(plan_.layout, plan_.release, release::State::failed, host.facts), log});
        },
        rollback ? std::string(no_line) : "the failed release could not be marked; the next deploy removes it all the same");
}

void Runner::note_already(const std::string& json_line) {
  std::vector<std::size_t> already;
  for (std::size_t i = 0; i < plan_.hosts.size(); ++i) {
    if (plan_.hosts[i].already) already.push_back(i);
  }
  write(already, [&](const plan::PlannedHost&) { return host::log(plan_.layout, json_line, {}); }, std::string(no_line));
}

void Runner::note_failed_prune(const std::function<std::string(const plan::PlannedHost&)>& json_line) {
  std::vector<std::size_t> failed;
  for (std::size_t i = 0; i < plan_.hosts.size(); ++i) {
    const auto& error = state_.hosts[i].error;
    if (error && error->code != ErrorCode::locked && !json_line(plan_.hosts[i]).empty()) failed.push_back(i);
  }
  write(failed, [&](const plan::PlannedHost& host) { return host::log(plan_.layout, json_line(host), {}); },
        "the audit log has no line of this prune");
}

// What a host can do without: a failure is a warning, and a host that is lost isn't asked (a release stays `preparing` or `ready` there,
// which the next success removes as well).
void Runner::write(const std::vector<std::size_t>& hosts, const std::function<host::Command(const plan::PlannedHost&)>& what,
                   const std::string& warning) {
  group_.run(hosts, [&](std::size_t index, Station& station) {
    if (station.lost || !station.transport) return;
    const plan::PlannedHost& host = plan_.hosts[index];
    host::Command command = what(host);
    if (!host.facts.lock_token.empty()) command.text = host::guard(plan_.layout, host.facts.lock_token) + command.text;
    const auto ignore = [](ssh::Stream, std::string_view) {};
    auto done = station.transport->exec(command, ignore, {Deadline::in(std::chrono::seconds(30)), {}});
    if (!done || !done->ok()) warn(host.host.name, warning);
  });
}

void Runner::run_failed_hooks() {
  const StepContext context{plan_, nullptr, nullptr, values_, emit_, {}};
  for (const plan::Round& round : plan_.failed) {
    if (round.local) {
      auto done = exec_local(limited(*round.local), round.phase, values_, emit_, {});
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
      auto done = exec_step(context, plan_.hosts[index], *station.transport, round.phase, limited(work->steps.front()), unused);
      if (!done) warn(plan_.hosts[index].host.name, done.error().message);
    });
  }
}

}  // namespace kirikae::runner
