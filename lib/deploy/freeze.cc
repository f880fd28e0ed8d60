#include <fmt/format.h>

#include <functional>

#include "core/digest.h"
#include "core/fold.h"
#include "core/shell_quote.h"
#include "deploy/ask.h"
#include "deploy/lock.h"
#include "deploy/run.h"
#include "plan/audit.h"
#include "plan/log_line.h"
#include "plan/preflight.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;

constexpr auto freeze_patience = 60s;
constexpr std::size_t longest_freeze_answer = 64 * 1024;

// On every host, with a line in its audit where `logged` says so.
std::vector<Error> on_all(OpenedHosts& opened, const Run& run, const Surroundings& with, runner::TaskGroup& group,
                          const std::function<host::Command(const release::Facts&)>& command, const release::Layout& layout,
                          const plan::LogEntry& entry, const std::function<bool(const release::Facts&)>& logged,
                          const TakeAnswer& take) {
  const host::Command log = host::log(layout, plan::json_line(entry), {});
  const auto both = [&](const plan::HostFacts& host) {
    host::Command own = command(host.facts);
    return logged(host.facts) ? host::joined(own.name, {own, log}) : own;
  };
  ask_all(opened, run, with, group, both, freeze_patience, longest_freeze_answer, take);
  return opened.all_errors();
}

plan::LogEntry entry_for(const Request& request, const Surroundings& with, const std::string& action, std::string detail) {
  return {with.unix_now(), action, request.recipe.application, request.recipe.stage, {}, {}, {}, request.operator_name, "good",
          std::move(detail)};
}

Result<void> no_answer(std::size_t, const std::string&) { return {}; }

// Equal lines of several hosts are one line.
std::string lines_text(const std::vector<plan::Remark>& lines) {
  std::string all;
  for (const auto& [text, hosts] : plan::folded(lines)) all += fmt::format("{}: {}\n", fold_names(hosts), text);
  return all;
}

Error already_frozen(const release::LockHolder& by, const Request& request) {
  return {ErrorCode::locked, "already frozen by " + release::to_text(by), fmt::format("'{}' ends that", unlock_command(request))};
}

// All hosts or none: after a stop, too, and where a step has failed, since the freeze may have been made there all the same. One that
// somebody else has made stays. Errors: of hosts that may be frozen still.
std::vector<Error> take_back(const OpenedHosts& opened, const Run& run, const Request& request, const Surroundings& with,
                             runner::TaskGroup& group, const std::string& token) {
  const release::Layout layout(request.recipe.deploy_to);
  Surroundings without_stop = with;
  without_stop.stop = {};
  OpenedHosts asked = opened;
  for (auto& error : asked.errors) {
    if (error && error->code != ErrorCode::locked) error.reset();
  }
  const auto thaw = [&](const plan::HostFacts&) { return host::thaw(layout, token, {}); };
  ask_all(asked, run, without_stop, group, thaw, freeze_patience, longest_freeze_answer, no_answer);
  OpenedHosts logged = opened;
  std::vector<Error> errors;
  for (std::size_t i = 0; i < asked.errors.size(); ++i) {
    const auto& error = asked.errors[i];
    if (!error || error->code == ErrorCode::locked) continue;
    logged.errors[i] = error;
    const std::string& name = opened.hosts[i].host.name;
    errors.push_back(Error(error->code, "it may be frozen still: " + error->message,
                           fmt::format("'{} --hosts {}' ends that", unlock_command(request), shell_word(name)))
                         .on(name));
  }
  const auto entry = plan::json_line(entry_for(request, with, "unlock", "not all hosts could be frozen"));
  const auto log = [&](const plan::HostFacts&) { return host::log(layout, entry, {}); };
  ask_all(logged, run, without_stop, group, log, freeze_patience, longest_freeze_answer, no_answer);
  return errors;
}

// What has ended on the hosts where all went well.
std::string unlocked_text(const OpenedHosts& opened, bool force) {
  std::vector<plan::Remark> lines;
  for (const auto& [host, facts] : opened.answered()) {
    if (facts.frozen) lines.push_back({host.name, "was frozen by " + release::to_text(*facts.frozen)});
    if (facts.lock && force) lines.push_back({host.name, "was locked by " + release::to_text(*facts.lock)});
    if (!facts.frozen && !facts.lock) lines.push_back({host.name, "was neither frozen nor locked"});
  }
  return lines_text(lines);
}

}  // namespace

Reading freeze(const Request& request, const std::string& why, const Surroundings& with) {
  Run run(request, with, "lock");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  if (auto errors = opened.all_errors(); !errors.empty()) return {run.end_early(errors, opened), {}};
  std::vector<plan::Remark> lines;
  std::vector<Error> taken;
  for (const auto& host : opened.hosts) {
    if (host.facts.frozen) {
      taken.push_back(already_frozen(*host.facts.frozen, request).on(host.host.name));
    }
    lines.push_back({host.host.name, host.facts.lock ? "frozen; a run goes on until its end: " + release::to_text(*host.facts.lock)
                                                     : std::string("frozen")});
  }
  if (!taken.empty()) return {run.end_early(taken, opened), {}};
  const host::LockInfo info{random_hex(8), {}, request.operator_name, plan::time_text(with.unix_now()), why, request.job_url};
  const release::Layout layout(request.recipe.deploy_to);
  const auto entry = entry_for(request, with, "lock", why);
  const auto everywhere = [](const release::Facts&) { return true; };
  const auto command = [&](const release::Facts&) { return host::freeze(layout, info); };
  // Nothing to say, or who was quicker.
  const auto take = [&](std::size_t, const std::string& answer) -> Result<void> {
    if (answer.empty()) return {};
    TRY_ASSIGN(const auto refusal, release::parse_lock_refusal(answer));
    if (refusal.frozen) return std::unexpected(already_frozen(*refusal.frozen, request));
    return {};
  };
  if (auto errors = on_all(opened, run, with, group, command, layout, entry, everywhere, take); !errors.empty()) {
    auto left = take_back(opened, run, request, with, group, info.token);
    errors.insert(errors.end(), left.begin(), left.end());
    return {run.end_midway(errors, opened, !left.empty()), {}};
  }
  return {run.end_well(opened, event::HostEnd::unchanged), lines_text(lines)};
}

Reading unlock(const Request& request, bool force, const Surroundings& with) {
  Run run(request, with, "unlock");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const auto unreached = opened.all_errors();
  if (opened.answered().empty() || with.stop.stop_requested()) return {run.end_early(unreached, opened), {}};
  std::vector<plan::Remark> told, taken;
  std::vector<Error> busy;
  bool any_frozen = false;
  for (const auto& [host, facts] : opened.hosts) {
    any_frozen = any_frozen || facts.frozen;
    if (facts.frozen && facts.frozen->by != request.operator_name) {
      told.push_back({host.name, "frozen by " + release::to_text(*facts.frozen) + ", which ends now"});
    }
    if (facts.lock && force) taken.push_back({host.name, "locked by " + release::to_text(*facts.lock)});
    if (facts.lock && !force && !facts.frozen) {
      busy.push_back(Error(ErrorCode::locked, "not frozen, but locked by a run: " + release::to_text(*facts.lock),
                           "it ends with its run; --force takes it away from a run that you know to be stuck")
                         .on(host.name));
    }
  }
  const bool any_stale = force && std::ranges::any_of(opened.hosts, [](const auto& host) { return host.facts.stale_lock.has_value(); });
  if (!any_frozen && !any_stale && taken.empty() && !(busy.empty() && unreached.empty())) {
    busy.insert(busy.end(), unreached.begin(), unreached.end());
    return {run.end_early(busy, opened), unlocked_text(opened, force)};
  }
  // Where others are frozen, that ends all the same.
  for (const Error& error : busy) told.push_back({error.host, error.message});
  run.tell(told);
  if (!taken.empty()) {
    run.tell(taken);
    const auto agreed = with.confirm("taking a run's lock away",
                                     fmt::format("take the lock away on {} host{}? that run fails, and may leave its hosts in the middle",
                                                 taken.size(), taken.size() == 1 ? "" : "s"));
    if (!agreed) {
      std::vector<Error> errors{agreed.error()};
      errors.insert(errors.end(), unreached.begin(), unreached.end());
      return {run.end_early(errors, opened), {}};
    }
  }
  const release::Layout layout(request.recipe.deploy_to);
  const auto entry = entry_for(request, with, "unlock", force ? "by force" : "");
  const auto affected = [&](const release::Facts& facts) { return facts.frozen || (force && facts.lock); };
  // What was shown: another may have come while somebody thought it over.
  const auto command = [&](const release::Facts& facts) {
    const auto& held = facts.lock ? facts.lock : facts.stale_lock;
    return host::thaw(layout, facts.frozen ? facts.frozen->token : std::string(), force && held ? held->token : std::string());
  };
  if (auto errors = on_all(opened, run, with, group, command, layout, entry, affected, no_answer); !errors.empty()) {
    return {run.end_midway(errors, opened, false), unlocked_text(opened, force)};
  }
  return {run.end_well(opened, event::HostEnd::unchanged), unlocked_text(opened, force)};
}

}  // namespace kirikae::deploy
