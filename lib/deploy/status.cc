#include "plan/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "core/fold.h"
#include "deploy/ask.h"
#include "plan/audit.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_line = 8001;  // of a log, as hosts send it (lib/host/log.sh)
constexpr std::size_t longest_log = std::size_t{32} << 20;  // bytes of one host, whatever --lines says
constexpr std::size_t most_of_logs = std::size_t{128} << 20;  // of all hosts

// Lines of every host's log, as `command` has them: so many at most.
std::vector<plan::HostLog> read_logs(OpenedHosts& opened, const Run& run, const Surroundings& with, runner::TaskGroup& group,
                                     const host::Command& command, int lines) {
  std::vector<plan::HostLog> logs(opened.hosts.size());
  std::atomic<std::size_t> kept = 0;
  ask_all(
      opened, run, with, group, [&](const plan::HostFacts&) { return command; }, 60s, std::min(static_cast<std::size_t>(lines) * longest_line, longest_log),
      [&](std::size_t i, const std::string& answer) -> Result<void> {
        if ((kept += answer.size()) > most_of_logs) {
          return std::unexpected(Error(ErrorCode::local, fmt::format("the logs of all hosts are longer than {}", size_text(most_of_logs)),
                                       "ask for fewer --lines, or fewer --hosts"));
        }
        logs[i] = plan::read_log(opened.hosts[i].host.name, answer);
        return {};
      });
  return logs;
}

}  // namespace

Reading status(const Request& request, bool exit_code, const Surroundings& with) {
  constexpr int lines = 10;  // the last switch is enough; what others write there may look like one
  Run run(request, with, "status");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const auto unreached = opened.errors;
  auto logs = read_logs(opened, run, with, group, host::last_switches(release::Layout(request.recipe.deploy_to), lines), lines);
  std::vector<plan::HostStatus> hosts;
  for (std::size_t i = 0; i < opened.hosts.size(); ++i) {
    if (!unreached[i]) hosts.push_back({opened.hosts[i].host, opened.hosts[i].facts, std::move(logs[i]), opened.errors[i].has_value()});
  }
  const auto errors = opened.all_errors();
  plan::Status status = plan::status_of(request.recipe, hosts, opened.hosts.size() - hosts.size(), request.command);
  std::string json = plan::status_json(status);
  if (!errors.empty()) return {run.end_early(errors, opened), hosts.empty() ? std::string() : std::move(status.text), std::move(json)};
  event::Report report = exit_code && !status.in_order ? run.end_early({}, opened) : run.end_well(opened, event::HostEnd::unchanged);
  return {std::move(report), std::move(status.text), std::move(json)};
}

Reading audit(const Request& request, int lines, const Surroundings& with) {
  Run run(request, with, "audit");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const auto unreached = opened.errors;
  const auto all = read_logs(opened, run, with, group, host::audit(release::Layout(request.recipe.deploy_to), lines), lines);
  std::vector<plan::HostLog> logs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (auto& error = opened.errors[i]; !unreached[i] && error && error->code == ErrorCode::local && error->hint.empty()) {
      error->hint = "ask for fewer --lines";
    }
    if (opened.errors[i]) continue;
    logs.push_back(all[i]);
    if (all[i].unreadable == 0) continue;
    const auto count = fmt::format("{} line{}", all[i].unreadable, all[i].unreadable == 1 ? "" : "s");
    run.emit()(event::Warning{all[i].host, fmt::format("{} of its log {} none of ours, and left out", count, all[i].unreadable == 1 ? "is" : "are")});
  }
  std::string text = logs.empty() ? std::string() : plan::audit_text(logs, static_cast<std::size_t>(lines), all.size());
  std::string json = plan::audit_json(logs, static_cast<std::size_t>(lines));
  if (auto errors = opened.all_errors(); !errors.empty()) return {run.end_early(errors, opened), std::move(text), std::move(json)};
  return {run.end_well(opened, event::HostEnd::unchanged), std::move(text), std::move(json)};
}

}  // namespace kirikae::deploy
