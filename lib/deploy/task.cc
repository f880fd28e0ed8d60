#include "deploy/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "deploy/run.h"
#include "host/command.h"
#include "plan/log_line.h"
#include "plan/preflight.h"
#include "plan/rounds.h"
#include "plan/tasks.h"
#include "runner/conclude.h"

namespace kirikae::deploy {
namespace {

using event::Phase;

// The request without the hosts that the task doesn't run on: they are neither asked nor locked.
Request narrowed(const Request& request, const recipe::Task& task) {
  Request those{.recipe = request.recipe,
                .hosts = request.hosts,
                .other_hosts = request.other_hosts,
                .revision = request.revision,
                .operator_name = request.operator_name,
                .job_url = request.job_url,
                .lock_wait = request.lock_wait,
                .despite_freeze = request.despite_freeze,
                .command = request.command,
                .secrets = request.secrets};
  // Nor would a task run on all of those that are not selected.
  std::erase_if(those.other_hosts, [&](const inventory::Host& host) { return task.local || !host.has_any_role(task.roles); });
  if (task.local) return those;
  std::vector<plan::PlannedHost> all;
  for (const auto& host : request.hosts) all.push_back({host, {}});
  those.hosts.clear();
  for (const std::size_t i : plan::hosts_of(task, all)) those.hosts.push_back(request.hosts[i]);
  if (those.hosts.empty()) those.other_hosts.clear();  // that is an error
  return those;
}

Error nowhere(const recipe::Task& task) {
  return {ErrorCode::usage,
          fmt::format("task '{}' runs on hosts with the role {}, and none of the selected hosts has it", task.name,
                      fmt::join(task.roles, " or ")),
          "select a host with that role"};
}

// What keeps hosts from running it.
std::vector<Error> preflight(const std::vector<plan::HostFacts>& hosts, const recipe::Task& task) {
  std::vector<Error> problems;
  for (const auto& [host, facts] : hosts) {
    if (!facts.locked) {
      for (const auto& problem : facts.problems) problems.push_back(Error(ErrorCode::preflight, problem).on(host.name));
    }
    const bool elsewhere = !release::link_before(facts).empty() && !facts.current_dangles;
    if (release::standing_release(facts).empty() && !elsewhere && !task.local) {
      problems.push_back(
          Error(ErrorCode::preflight, "no release is live here that the task could run in", "deploy one first")
              .on(host.name));
    }
  }
  return problems;
}

// Where the task was begun; of a task of this machine, everywhere.
void write_audit(const plan::Plan& plan, const recipe::Task& task, const runner::RunState& state,
                 const Request& request, std::int64_t now, runner::TaskGroup& group, const runner::Emitter& emit) {
  std::vector<std::size_t> where;
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    if (task.local || state.hosts[i].written) where.push_back(i);
  }
  group.run(where, [&](std::size_t i, runner::Station& station) {
    const plan::PlannedHost& host = plan.hosts[i];
    const bool failed = task.local ? state.failed() : state.hosts[i].error.has_value();
    const plan::LogEntry entry{now,
                               "task",
                               plan.application,
                               plan.stage,
                               host.facts.live,
                               {},
                               {},
                               request.operator_name,
                               failed ? "failed" : "good",
                               task.name};
    host::Command command = host::log(plan.layout, plan::json_line(entry), {});
    command.text = host::guard(plan.layout, host.facts.lock_token) + command.text;
    const auto ignore = [](ssh::Stream, std::string_view) {};
    const auto done = station.lost
                          ? Result<ssh::Exit>(std::unexpected(*station.lost))
                          : station.transport->exec(command, ignore, {Deadline::in(std::chrono::seconds(30)), {}});
    if (!done || !done->ok()) emit(event::Warning{host.host.name, "the audit log has no line of this task"});
  });
}

std::string place_of(const recipe::Task& task, const std::vector<inventory::Host>& hosts) {
  if (task.local) return "this machine";
  if (std::ranges::none_of(hosts, [&](const auto& host) { return host.has_any_role(task.roles); })) return "no selected host";
  if (task.roles.empty() || hosts.front().every_role) return task.once ? "one host" : "every host";
  return fmt::format("{}{}", task.once ? "one of " : "", fmt::join(task.roles, ", "));
}

}  // namespace

event::Report run_task(const Request& whole, const recipe::Task& task, const Surroundings& with) {
  const Request request = narrowed(whole, task);
  Run run(request, with, "task");
  if (request.hosts.empty()) return run.end_early({nowhere(task)});
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  LockWish lock = run.lock();
  lock.what = fmt::format("task {} on {}", task.name, request.recipe.stage);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), lock);
  std::vector<Error> problems = opened.all_errors();
  if (problems.empty()) problems = preflight(opened.hosts, task);
  if (!problems.empty()) return run.end_early(problems, opened);

  plan::Plan plan = plan::blank_plan(request.recipe, "task", opened.hosts);
  const plan::TaskScene scene{request.recipe, plan.layout, plan.action, {}, plan.hosts, plan::TaskScene::Place::before};
  if (auto round = plan::task_round(scene, task, Phase::run)) plan.rounds.push_back(*std::move(round));
  if (problems = plan::task_problems(plan, request.secrets.get()); !problems.empty()) return run.end_early(problems, opened);
  runner::Runner runner(plan, group, nullptr, run.emit(), with.stop);
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) runner.state().hosts[i].seconds = opened.seconds[i];
  runner.run();
  write_audit(plan, task, runner.state(), request, with.unix_now(), group, run.emit());
  return run.finish(runner::conclude(plan, runner.state(), run.emit().seconds(), {}));
}

std::string tasks_text(const recipe::Recipe& recipe, const std::vector<inventory::Host>& hosts) {
  std::size_t name_width = 4, place_width = 7;
  for (const auto& [name, task] : recipe.tasks) {
    name_width = std::max(name_width, name.size());
    place_width = std::max(place_width, place_of(task, hosts).size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {}\n", "task", name_width, "runs on", place_width, "hooks");
  for (const auto& [name, task] : recipe.tasks) {
    std::vector<std::string_view> hooks;
    for (const auto& [point, names] : recipe.hooks) {
      if (std::find(names.begin(), names.end(), name) != names.end()) hooks.push_back(recipe::name_of(point));
    }
    text += fmt::format("{:<{}}  {:<{}}  {}", name, name_width, place_of(task, hosts), place_width, fmt::join(hooks, ", "));
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace kirikae::deploy
