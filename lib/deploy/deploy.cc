#include "deploy/deploy.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <utility>

#include "deploy/lock.h"
#include "deploy/payloads.h"
#include "deploy/rsync.h"
#include "deploy/run.h"
#include "deploy/source.h"
#include "deploy/templates.h"
#include "plan/preflight.h"
#include "plan/tasks.h"
#include "transfer/signals_blocked.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;

plan::DeployInput input_of(const Request& request, const Surroundings& with, const transfer::Listing& source,
                           std::vector<plan::TemplateFile> templates, const OpenedHosts& opened, plan::SourceFiles files) {
  return {request.recipe,
          opened.hosts,
          with.unix_now(),
          request.revision.empty() ? source.summary.revision : request.revision,
          source.summary.files,
          source.summary.bytes,
          request.operator_name,
          std::move(templates),
          stage_hosts(request),
          std::move(files),
          request.command};
}

plan::RollbackInput input_of(const Request& request, const std::optional<std::string>& to, const Surroundings& with,
                             const OpenedHosts& opened) {
  return {request.recipe, opened.hosts, with.unix_now(), to, request.operator_name, request.command};
}

// Where hosts have not answered there is no plan: what is wrong with the others is told all the same.
std::vector<Error> problems_of_rollback(const OpenedHosts& opened, const plan::RollbackInput& input, const Result<plan::Plan>& plan,
                                        const SecretSet* secrets) {
  if (!opened.any_error()) return problems_of(opened, plan::preflight_rollback(input), plan, secrets);
  plan::RollbackInput those = input;
  those.hosts = opened.answered();
  return problems_of(opened, plan::preflight_rollback(those), plan::build_rollback(those), secrets);
}

// What this machine has to bring.
struct Brought {
  Result<BegunSource> source;
  std::expected<std::vector<plan::TemplateFile>, std::vector<Error>> templates;
  std::optional<Error> no_rsync;
  std::vector<Error> in_the_way;  // what of the source is

  // Empty: it is all there.
  [[nodiscard]] std::vector<Error> errors() const {
    std::vector<Error> errors = in_the_way;
    if (no_rsync) errors.push_back(*no_rsync);
    if (!source) errors.push_back(source.error());
    if (!templates) errors.insert(errors.end(), templates.error().begin(), templates.error().end());
    return errors;
  }
};
Brought bring(const Request& request, const Surroundings& with) {
  Brought brought{begin_source(request, with), read_templates(request), missing_rsync(request.recipe), {}};
  if (brought.source) brought.in_the_way = in_the_way(request.recipe, *brought.source);
  return brought;
}

// A directory's files are read while the hosts are connected; none is locked before that has gone well.
struct OpenedBeside {
  Result<ListedSource> source;
  OpenedHosts hosts;
};
OpenedBeside open_hosts_beside(BegunSource source, const Request& request, const Surroundings& with, runner::TaskGroup& group,
                               const runner::Emitter& emit, const std::optional<LockWish>& lock, bool payload) {
  auto pending = [&] {
    const transfer::AllSignalsBlocked blocked;
    return std::async(std::launch::async, finish_source, std::move(source));
  }();
  std::optional<Result<ListedSource>> listed;
  OpenedHosts hosts = open_hosts(request, with, group, emit, lock, payload, [&](const OpenedHosts& connected) {
    if (pending.wait_for(0s) != std::future_status::ready) {
      for (std::size_t i = 0; i < connected.hosts.size(); ++i) {
        if (!connected.errors[i]) emit(event::HostState{connected.hosts[i].host.name, "waiting for the source's files to be read"});
      }
    }
    listed = pending.get();
    return listed->has_value();
  });
  return {*std::move(listed), std::move(hosts)};
}

// What a reading verb returns: the text only where there is something to say.
Reading reading(event::Report report, std::string text = {}, std::string json = {}) {
  return {std::move(report), std::move(text), std::move(json)};
}

}  // namespace

event::Report deploy(const Request& request, const Surroundings& with) {
  Run run(request, with, "deploy");
  if (auto nowhere = plan::once_nowhere(request.recipe, request.hosts, plan::in_deploys); !nowhere.empty()) return run.end_early(nowhere);
  if (auto unusable = unusable_cache(request.recipe, with)) return run.end_early({*std::move(unusable)});
  // First the tasks of this machine: one of them may make the source.
  if (auto ready = run.before_connect(); !ready) return run.end_early({ready.error()});
  Brought brought = bring(request, with);
  if (auto errors = brought.errors(); !errors.empty()) return run.end_early(errors);
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const auto [source, opened] = open_hosts_beside(*std::move(brought.source), request, with, group, run.emit(), run.lock(), true);
  if (!source) return run.end_early(problems_of(opened, {source.error()}), opened);
  const plan::DeployInput input = input_of(request, with, source->listing, *std::move(brought.templates), opened,
                                           source_files(request.recipe, source->listing, opened, with, group));
  const auto plan = plan::build_deploy(input);
  if (auto problems = problems_of(opened, plan::preflight_deploy(input), plan, request.secrets.get()); !problems.empty()) {
    return run.end_early(problems, opened);
  }
  run.tell(source->taken.remarks);
  run.tell(plan::remarks_before_deploy(input));
  PackedPayloads payloads(*source, request.recipe, input.source, with);
  if (auto packed = payloads.pack(*plan); !packed) return run.end_early({packed.error()}, opened);
  return run.carry_out(*plan, opened, group, &payloads);
}

event::Report rollback(const Request& request, const std::optional<std::string>& to, const Surroundings& with) {
  Run run(request, with, "rollback");
  if (auto nowhere = plan::once_nowhere(request.recipe, request.hosts, plan::in_rollbacks); !nowhere.empty()) return run.end_early(nowhere);
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), run.lock());
  const plan::RollbackInput input = input_of(request, to, with, opened);
  const auto plan = plan::build_rollback(input);
  if (auto problems = problems_of_rollback(opened, input, plan, request.secrets.get()); !problems.empty()) {
    return run.end_early(problems, opened);
  }
  return run.carry_out(*plan, opened, group, nullptr);
}

Reading plan_deploy(const Request& request, const Surroundings& with) {
  Run run(request, with, "plan");
  if (auto nowhere = plan::once_nowhere(request.recipe, request.hosts, plan::in_deploys); !nowhere.empty()) return reading(run.end_early(nowhere));
  Brought brought = bring(request, with);
  if (!brought.source) brought.source = std::unexpected(not_made_yet(request, std::move(brought.source).error()));
  run.tell(take_what_may_be_mended(request.recipe, brought.in_the_way));
  if (auto errors = brought.errors(); !errors.empty()) return reading(run.end_early(errors));
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const auto [source, opened] = open_hosts_beside(*std::move(brought.source), request, with, group, run.emit(), std::nullopt, false);
  if (!source) return reading(run.end_early(problems_of(opened, {source.error()}), opened));
  if (opened.any_error()) return reading(run.end_early(opened.all_errors(), opened));
  const plan::DeployInput input = input_of(request, with, source->listing, *std::move(brought.templates), opened,
                                           source_files(request.recipe, source->listing, opened, with, group));
  auto plan = plan::build_deploy(input);
  const auto problems = problems_of(opened, plan::preflight_deploy(input), plan, nullptr);
  if (!plan) return reading(run.end_early(problems, opened));
  const auto first = run.before_connect_rounds();
  if (!first) return reading(run.end_early({first.error()}, opened));
  plan->rounds.insert(plan->rounds.begin(), first->begin(), first->end());
  run.tell(source->taken.remarks);
  run.tell(plan::remarks_before_deploy(input));
  run.tell(plan::lock_remarks(input.hosts, "deploy", unlock_command(request)));
  std::string text = plan::to_text(*plan, plan::SourceText{source->listing.summary.files, source->listing.summary.bytes});
  // The plan stands; what would keep it from being carried out is told with it.
  if (!problems.empty()) return reading(run.end_early(problems, opened), std::move(text), plan::to_json(*plan));
  return reading(run.end_well(opened, event::HostEnd::unchanged), std::move(text), plan::to_json(*plan));
}

Reading plan_rollback(const Request& request, const std::optional<std::string>& to, const Surroundings& with) {
  Run run(request, with, "plan");
  if (auto nowhere = plan::once_nowhere(request.recipe, request.hosts, plan::in_rollbacks); !nowhere.empty()) return reading(run.end_early(nowhere));
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const plan::RollbackInput input = input_of(request, to, with, opened);
  const auto plan = plan::build_rollback(input);
  if (auto problems = problems_of_rollback(opened, input, plan, nullptr); !problems.empty()) {
    return reading(run.end_early(problems, opened));
  }
  auto hosts = input.hosts;
  if (request.despite_freeze) {
    for (auto& host : hosts) host.facts.frozen.reset();
  }
  run.tell(plan::lock_remarks(hosts, "rollback", unlock_command(request)));
  return reading(run.end_well(opened, event::HostEnd::unchanged), plan::to_text(*plan, std::nullopt),
                 plan::to_json(*plan));
}

Reading releases(const Request& request, const Surroundings& with) {
  Run run(request, with, "releases");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const auto answered = opened.answered();
  std::string text = answered.empty() ? std::string() : plan::releases_text(answered, request.hosts.size());
  std::string json = plan::releases_json(answered);
  if (auto errors = opened.all_errors(); !errors.empty()) {
    return reading(run.end_early(errors, opened), std::move(text), std::move(json));
  }
  return reading(run.end_well(opened, event::HostEnd::unchanged), std::move(text), std::move(json));
}

}  // namespace kirikae::deploy
