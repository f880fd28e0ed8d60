#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/fold.h"
#include "deploy/run.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;

// The same command on every host.
std::vector<Error> on_all(const OpenedHosts& opened, const Run& run, runner::TaskGroup& group, const host::Command& command) {
  std::vector<std::optional<Error>> errors(opened.hosts.size());
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < opened.hosts.size(); ++i) all.push_back(i);
  group.run(all, [&](std::size_t i, runner::Station& station) {
    const std::string& name = opened.hosts[i].host.name;
    run.emit()(event::HostState{name, command.name});
    std::string said;
    const auto hear = [&](ssh::Stream, std::string_view bytes) { said += bytes.substr(0, 2000); };
    auto ended = station.transport->exec(command, hear, {Deadline::in(60s), {}});
    if (!ended) {
      errors[i] = std::move(ended).error().on(name);
    } else if (!ended->ok()) {
      errors[i] = Error(ErrorCode::remote, command.name + " failed: " + said).on(name);
    }
  });
  std::vector<Error> those;
  for (auto& error : errors) {
    if (error) those.push_back(*std::move(error));
  }
  return those;
}

// Equal lines of several hosts are one line.
std::string folded(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::vector<std::pair<std::string, std::vector<std::string>>> texts;
  for (const auto& [host, text] : lines) {
    auto same = std::find_if(texts.begin(), texts.end(), [&](const auto& each) { return each.first == text; });
    if (same == texts.end()) same = texts.insert(texts.end(), {text, {}});
    same->second.push_back(host);
  }
  std::string all;
  for (const auto& [text, hosts] : texts) all += fmt::format("{}: {}\n", fold_names(hosts), text);
  return all;
}

}  // namespace

Reading freeze(const Request& request, const std::string& why, const Surroundings& with) {
  Run run(request, with, "lock");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  if (auto errors = opened.all_errors(); !errors.empty()) return {run.end_early(errors, opened.hosts), {}};
  std::vector<std::pair<std::string, std::string>> lines;
  std::vector<Error> taken;
  for (const auto& host : opened.hosts) {
    if (host.facts.frozen) {
      taken.push_back(Error(ErrorCode::locked, "already frozen by " + release::to_text(*host.facts.frozen),
                            fmt::format("'deploy unlock {}' ends that", request.recipe.stage))
                          .on(host.host.name));
    }
    lines.emplace_back(host.host.name, host.facts.lock ? "frozen; a run goes on until its end: " + release::to_text(*host.facts.lock)
                                                       : std::string("frozen"));
  }
  if (!taken.empty()) return {run.end_early(taken, opened.hosts), {}};
  const host::LockInfo info{{}, {}, request.operator_name, utc_text(with.unix_now()), why, request.job_url};
  const auto command = host::freeze(release::Layout(request.recipe.deploy_to), info);
  if (auto errors = on_all(opened, run, group, command); !errors.empty()) return {run.end_early(errors, opened.hosts), {}};
  return {run.end_well(opened.hosts, event::HostEnd::unchanged), folded(lines)};
}

Reading unlock(const Request& request, bool force, const Surroundings& with) {
  Run run(request, with, "unlock");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  if (auto errors = opened.all_errors(); !errors.empty()) return {run.end_early(errors, opened.hosts), {}};
  std::vector<std::pair<std::string, std::string>> lines;
  std::vector<Error> busy;
  for (const auto& [host, facts] : opened.hosts) {
    if (facts.frozen) lines.emplace_back(host.name, "was frozen by " + release::to_text(*facts.frozen));
    if (facts.lock && force) lines.emplace_back(host.name, "was locked by " + release::to_text(*facts.lock));
    if (facts.lock && !force && !facts.frozen) {
      busy.push_back(Error(ErrorCode::locked, "not frozen, but locked by a run: " + release::to_text(*facts.lock),
                           "it ends with its run; --force takes it away from a run that you know to be stuck")
                         .on(host.name));
    }
    if (!facts.frozen && !facts.lock) lines.emplace_back(host.name, "was neither frozen nor locked");
  }
  if (!busy.empty()) return {run.end_early(busy, opened.hosts), folded(lines)};
  const auto command = host::thaw(release::Layout(request.recipe.deploy_to), force);
  if (auto errors = on_all(opened, run, group, command); !errors.empty()) {
    return {run.end_early(errors, opened.hosts), folded(lines)};
  }
  return {run.end_well(opened.hosts, event::HostEnd::unchanged), folded(lines)};
}

}  // namespace kirikae::deploy
