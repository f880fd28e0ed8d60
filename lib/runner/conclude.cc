#include "runner/conclude.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "core/shell_quote.h"

namespace kirikae::runner {
namespace {

using event::HostEnd;
using event::Outcome;
using Indexes = std::vector<std::size_t>;  // in Plan::hosts

HostEnd end_of(const plan::PlannedHost& host, const HostRun& run, bool went_well) {
  if (host.already) return HostEnd::already;
  if (run.undone == HostRun::Undone::yes || run.undone == HostRun::Undone::link_only) return HostEnd::undone;
  if ((run.foreign || run.lock_lost) && run.switched != HostRun::Switched::no) return HostEnd::unknown;
  switch (run.switched) {
    case HostRun::Switched::no: return HostEnd::unchanged;
    case HostRun::Switched::unknown: return HostEnd::unknown;
    case HostRun::Switched::yes: return run.settled || went_well ? HostEnd::switched : HostEnd::switched_then_failed;
  }
  return HostEnd::unknown;
}

Outcome outcome_of(const plan::Plan& plan, const RunState& state) {
  if (!state.failed() && !state.interrupted) return Outcome::done;
  const bool settled = state.all_settled(plan);
  bool back = state.undone_badly.empty();  // every host that was switched, and all that belongs to it
  for (const HostRun& run : state.hosts) {
    const bool switched = run.switched != HostRun::Switched::no;
    if (switched && run.undone != HostRun::Undone::yes) back = false;
  }
  if (!back) return state.interrupted && settled ? Outcome::interrupted : Outcome::partial;
  if (state.interrupted) return Outcome::interrupted;
  return state.switch_begun() ? Outcome::rolled_back : Outcome::failed;
}

bool is_frozen(const plan::Plan& plan, const Indexes& hosts) {
  return std::any_of(hosts.begin(), hosts.end(), [&](std::size_t i) { return plan.hosts[i].facts.frozen.has_value(); });
}

std::string names_of(const plan::Plan& plan, const Indexes& hosts) {
  std::vector<std::string> names;
  for (const std::size_t i : hosts) names.push_back(plan.hosts[i].host.name);
  return shell_word(fmt::format("{}", fmt::join(names, ",")));
}

// Tasks that have to run where `current` is back and they have failed, or were not come to.
std::vector<std::string> advice_for_tasks(const plan::Plan& plan, const RunState& state, const Call& call) {
  std::vector<std::string> names;
  std::map<std::string, Indexes> where;
  Indexes all;
  for (const plan::Round& round : plan.undo) {
    for (const plan::HostSteps& work : round.hosts) {
      const auto* task = std::get_if<plan::RunTask>(&work.steps.front());
      const HostRun& run = state.hosts[work.host];
      if (task == nullptr || run.undone != HostRun::Undone::link_only || plan.hosts[work.host].facts.current_dangles) continue;
      if (std::find(run.undone_tasks.begin(), run.undone_tasks.end(), task->task) != run.undone_tasks.end()) continue;
      if (where.find(task->task) == where.end()) names.push_back(task->task);
      where[task->task].push_back(work.host);
      all.push_back(work.host);
    }
  }
  if (!state.undone_badly.empty()) {
    all.resize(plan.hosts.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
  }
  std::vector<std::string> advice;
  if (is_frozen(plan, all)) {
    advice.push_back(fmt::format("{} unlock {}{}  # they are frozen: tasks are refused until then", call.command, plan.stage, call.hosts));
  }
  for (const std::string& name : names) {
    advice.push_back(fmt::format("{} task {} {} --hosts {}  # 'current' is back there; this task has not run to its end", call.command,
                                 plan.stage, shell_word(name), names_of(plan, where[name])));
  }
  for (const std::string& name : state.undone_badly) {
    advice.push_back(
        fmt::format("{} task {} {}{}  # once 'current' is back everywhere; this task of this machine has not run to its end",
                    call.command, plan.stage, shell_word(name), call.hosts));
  }
  return advice;
}

// A look at hosts of which nobody knows what they run.
std::vector<std::string> advice_to_look(const plan::Plan& plan, const RunState& state, const event::Report& report, const Call& call) {
  std::map<std::string, Indexes> look;  // why -> hosts
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    const event::HostReport& host = report.hosts[i];
    if (host.end != HostEnd::unknown) continue;
    std::string why = "may run " + plan.release + " or " + (host.live_before.empty() ? "none" : host.live_before);
    if (state.hosts[i].lock_lost) why = "the lock was taken away: look first";
    if (state.hosts[i].foreign) why = "somebody else has switched 'current' there: look first";
    look[std::move(why)].push_back(i);
  }
  std::vector<std::string> advice;
  for (const auto& [why, hosts] : look) {
    advice.push_back(fmt::format("{} status {} --hosts {}  # {}", call.command, plan.stage, names_of(plan, hosts), why));
  }
  return advice;
}

// A rollback is refused where its hosts leave none for a task that runs once. So one that runs the release already, where nothing will
// be done, is named too.
std::string advice_to_roll_back(const plan::Plan& plan, const event::Report& report, const Call& call, const std::string& release,
                                const Indexes& hosts) {
  Indexes named = hosts;
  for (const auto& roles : plan.once_in_rollback) {
    const auto may_run = [&](std::size_t i) { return plan.hosts[i].host.has_any_role(roles); };
    if (std::any_of(named.begin(), named.end(), may_run)) continue;
    for (std::size_t i = 0; i < report.hosts.size(); ++i) {
      if (!may_run(i) || report.hosts[i].live_after != release) continue;
      named.push_back(i);
      break;
    }
  }
  const Indexes others(named.begin() + static_cast<std::ptrdiff_t>(hosts.size()), named.end());
  return fmt::format("{} rollback {} --to {} --hosts {}{}  # takes {} back{}", call.command, plan.stage, release, names_of(plan, named),
                     is_frozen(plan, named) ? " --despite-freeze" : "", hosts.size() == 1 ? "it" : "them",
                     others.empty() ? "" : fmt::format("; {} is there already, and named for a task that runs once", names_of(plan, others)));
}

// What a host that ran `facts.live` is advised to go back to: where its folder is gone, the newest good one that there is.
std::string release_to_go_back_to(const plan::Plan& plan, const release::Facts& facts) {
  if (facts.gone_target.empty()) return facts.live;
  const auto fits = [&](const release::ReleaseOnHost& each) { return each.state == release::State::good && each.id != plan.release; };
  const auto newest = std::find_if(facts.releases.rbegin(), facts.releases.rend(), fits);
  return newest == facts.releases.rend() ? std::string() : newest->id;
}

// What takes hosts back to what they ran.
std::vector<std::string> advice_to_go_back(const plan::Plan& plan, const RunState& state, const event::Report& report, const Call& call) {
  std::map<std::pair<std::string, std::string>, Indexes> back;  // the release to go back to; without one, the link that `current` was
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    const event::HostReport& host = report.hosts[i];
    if (state.hosts[i].foreign) continue;  // what serves there is not ours to replace
    if (host.end != HostEnd::switched_then_failed && host.end != HostEnd::switched && host.end != HostEnd::unknown) continue;
    const release::Facts& facts = plan.hosts[i].facts;
    std::string release = release_to_go_back_to(plan, facts);
    std::string link = release.empty() ? release::link_before(facts) : std::string();
    back[{std::move(release), std::move(link)}].push_back(i);
  }
  std::vector<std::string> advice;
  const std::string current = shell_word(plan.layout.current());
  for (const auto& [before, hosts] : back) {
    const auto& [release, target] = before;
    if (!release.empty()) {
      advice.push_back(advice_to_roll_back(plan, report, call, release, hosts));
      continue;
    }
    const bool link = !target.empty();
    advice.push_back(fmt::format("{} run {} --hosts {} -- {}  # {}", call.command, plan.stage, names_of(plan, hosts),
                                 shell_quote(link ? fmt::format("ln -sfn {} {}", shell_word(target), current) : "rm " + current),
                                 link ? "points it to what it was again" : "takes the first release out of service again"));
  }
  return advice;
}

// The same once more, on the same hosts.
std::string advice_to_repeat(const plan::Plan& plan, const Call& call) {
  if (plan.action == "deploy") {
    return fmt::format("{} {}{}{}  # or forward: a new release on {} hosts, once the cause is mended", call.command, plan.stage, call.hosts,
                       call.revision, call.hosts.empty() ? "all" : "these");
  }
  Indexes all(plan.hosts.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return fmt::format("{} rollback {} --to {}{}{}  # or again: the rest of the hosts follow", call.command, plan.stage, plan.release, call.hosts,
                     is_frozen(plan, all) ? " --despite-freeze" : "");
}

// What a person does about hosts that were switched, or may have been, when not all is well.
std::vector<std::string> advice_for(const plan::Plan& plan, const RunState& state, const event::Report& report, const Call& call) {
  std::vector<std::string> advice = advice_for_tasks(plan, state, call);
  for (auto& line : advice_to_look(plan, state, report, call)) advice.push_back(std::move(line));
  for (auto& line : advice_to_go_back(plan, state, report, call)) advice.push_back(std::move(line));
  advice.push_back(advice_to_repeat(plan, call));
  return advice;
}

}  // namespace

event::Report conclude(const plan::Plan& plan, const RunState& state, double seconds, const Call& call) {
  event::Report report;
  report.verb = plan.action;
  report.application = plan.application;
  report.stage = plan.stage;
  report.release = plan.release;
  report.seconds = seconds;
  report.errors = state.errors;
  report.outcome = outcome_of(plan, state);
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    const HostRun& run = state.hosts[i];
    event::HostReport host;
    host.host = plan.hosts[i].host.name;
    host.end = end_of(plan.hosts[i], run, report.outcome == Outcome::done);
    host.live_before = plan.hosts[i].facts.live;
    if (run.switched == HostRun::Switched::yes) host.live_after = plan.release;
    if (run.switched == HostRun::Switched::no || host.end == HostEnd::undone) host.live_after = host.live_before;
    if (run.foreign || run.lock_lost) host.live_after.clear();
    host.seconds = run.seconds;
    host.bytes = run.bytes;
    host.error = run.error;
    report.hosts.push_back(std::move(host));
  }
  if (report.outcome == Outcome::partial) report.advice = advice_for(plan, state, report, call);
  return report;
}

event::Outcome outcome_before_writing(const std::vector<Error>& errors, bool interrupted) {
  if (interrupted) return Outcome::interrupted;
  Outcome outcome = Outcome::failed;
  for (const Error& error : errors) {
    switch (error.code) {
      case ErrorCode::connect:
      case ErrorCode::auth:
      case ErrorCode::host_key:
      case ErrorCode::lost: outcome = event::worse(outcome, Outcome::unreachable); break;
      // Without a host it is a program of this machine.
      case ErrorCode::timeout: outcome = event::worse(outcome, error.host.empty() ? Outcome::failed : Outcome::unreachable); break;
      case ErrorCode::usage:
      case ErrorCode::recipe: outcome = event::worse(outcome, Outcome::usage); break;
      case ErrorCode::locked: outcome = event::worse(outcome, Outcome::locked); break;
      case ErrorCode::internal: outcome = event::worse(outcome, Outcome::bug); break;
      case ErrorCode::cancelled: outcome = event::worse(outcome, Outcome::interrupted); break;
      default: break;
    }
  }
  return outcome;
}

}  // namespace kirikae::runner
