#include "runner/conclude.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/shell_quote.h"

namespace kirikae::runner {
namespace {

using event::HostEnd;
using event::Outcome;

HostEnd end_of(const plan::PlannedHost& host, const HostRun& run, bool went_well) {
  if (host.already) return HostEnd::already;
  if (run.undone == HostRun::Undone::yes || run.undone == HostRun::Undone::link_only) return HostEnd::undone;
  if (run.foreign && run.switched != HostRun::Switched::no) return HostEnd::unknown;
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
  bool back = true;  // every host that was switched, and all that belongs to it
  for (const HostRun& run : state.hosts) {
    const bool switched = run.switched != HostRun::Switched::no;
    if (switched && run.undone != HostRun::Undone::yes) back = false;
  }
  if (!back) return state.interrupted && settled ? Outcome::interrupted : Outcome::partial;
  if (state.interrupted) return Outcome::interrupted;
  return state.switch_begun() ? Outcome::rolled_back : Outcome::failed;
}

std::string list_of(const std::vector<std::string>& hosts) { return shell_word(fmt::format("{}", fmt::join(hosts, ","))); }

// Tasks that have to run where `current` is back and they have failed, or were not come to.
std::vector<std::string> advice_for_tasks(const plan::Plan& plan, const RunState& state, const std::string& command) {
  std::vector<std::string> names;
  std::map<std::string, std::vector<std::string>> where;
  for (const plan::Round& round : plan.undo) {
    for (const plan::HostSteps& work : round.hosts) {
      const auto* task = std::get_if<plan::RunTask>(&work.steps.front());
      if (task == nullptr || state.hosts[work.host].undone != HostRun::Undone::link_only) continue;
      if (where.find(task->task) == where.end()) names.push_back(task->task);
      where[task->task].push_back(plan.hosts[work.host].host.name);
    }
  }
  std::vector<std::string> advice;
  for (const std::string& name : names) {
    advice.push_back(fmt::format("{} task {} {} --hosts {}  # 'current' is back there; this task has not run to its end", command, plan.stage,
                                 shell_word(name), list_of(where[name])));
  }
  return advice;
}

// What a person does about hosts that were switched, or may have been, when not all is well.
std::vector<std::string> advice_for(const plan::Plan& plan, const RunState& state, const event::Report& report,
                                    const std::string& command) {
  std::vector<std::string> advice = advice_for_tasks(plan, state, command);
  std::map<std::string, std::vector<std::string>> look;  // why -> hosts
  std::map<std::string, std::vector<std::string>> back;  // release that was live before -> hosts
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    const event::HostReport& host = report.hosts[i];
    if (host.end == HostEnd::unknown) {
      const std::string either = "may run " + plan.release + " or " + (host.live_before.empty() ? "none" : host.live_before);
      look[state.hosts[i].foreign ? "somebody else has switched 'current' there: look first" : either].push_back(host.host);
    }
    if (state.hosts[i].foreign) continue;  // what serves there is not ours to replace
    if (host.end != HostEnd::switched_then_failed && host.end != HostEnd::switched && host.end != HostEnd::unknown) continue;
    back[host.live_before].push_back(host.host);
  }
  for (const auto& [why, hosts] : look) {
    advice.push_back(fmt::format("{} status {} --hosts {}  # {}", command, plan.stage, list_of(hosts), why));
  }
  for (const auto& [release, hosts] : back) {
    if (release.empty()) {
      advice.push_back(fmt::format("{} run {} --hosts {} -- {}  # takes the first release out of service again", command, plan.stage,
                                   list_of(hosts), shell_quote("rm " + shell_word(plan.layout.current()))));
      continue;
    }
    advice.push_back(fmt::format("{} rollback {} --to {} --hosts {}  # takes {} back", command, plan.stage, release,
                                 list_of(hosts), hosts.size() == 1 ? "it" : "them"));
  }
  if (plan.action == "deploy") {
    advice.push_back(fmt::format("{} {}  # or forward: a new release on all hosts, once the cause is mended", command, plan.stage));
  } else {
    advice.push_back(fmt::format("{} rollback {} --to {}  # or again: the rest of the hosts follow", command, plan.stage, plan.release));
  }
  return advice;
}

}  // namespace

event::Report conclude(const plan::Plan& plan, const RunState& state, double seconds, const std::string& command) {
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
    if (run.foreign) host.live_after.clear();
    host.seconds = run.seconds;
    host.bytes = run.bytes;
    host.error = run.error;
    report.hosts.push_back(std::move(host));
  }
  if (report.outcome == Outcome::partial) report.advice = advice_for(plan, state, report, command);
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
