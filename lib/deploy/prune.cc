#include "plan/prune.h"

#include "deploy/lock.h"
#include "deploy/run.h"

namespace kirikae::deploy {

Reading prune(const Request& request, std::optional<int> keep, bool dry_run, const Surroundings& with) {
  Run run(request, with, "prune");
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), dry_run ? std::nullopt : std::optional(run.lock()));
  std::vector<Error> problems = opened.all_errors();
  for (const auto& host : opened.answered()) {
    for (const auto& problem : host.facts.problems) problems.push_back(Error(ErrorCode::preflight, problem).on(host.host.name));
  }
  if (!problems.empty()) return {run.end_early(problems, opened), {}};
  auto plan = plan::build_prune({request.recipe, opened.hosts, with.unix_now(), keep, request.operator_name});
  if (!plan) return {run.end_early({plan.error()}, opened), {}};
  if (dry_run) run.tell(plan::lock_remarks(opened.hosts, "prune", unlock_command(request)));
  problems = plan::task_problems(*plan, dry_run ? nullptr : request.secrets.get());
  if (!problems.empty()) return {run.end_early(problems, opened), dry_run ? plan::prune_text(*plan) : std::string()};
  if (dry_run || plan->rounds.empty()) return {run.end_well(opened, event::HostEnd::unchanged), plan::prune_text(*plan)};
  event::Report report = run.carry_out(*plan, opened, group, nullptr);
  std::string text = report.outcome == event::Outcome::done ? plan::pruned_text(*plan) : std::string();
  return {std::move(report), std::move(text)};
}

}  // namespace kirikae::deploy
