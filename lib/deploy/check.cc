#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "core/fold.h"
#include "deploy/lock.h"
#include "deploy/rsync.h"
#include "deploy/run.h"
#include "deploy/source.h"
#include "deploy/templates.h"
#include "plan/preflight.h"
#include "plan/tasks.h"
#include "transfer/artifact.h"

namespace kirikae::deploy {
namespace {

std::string ready_text(const Request& request, const std::vector<Error>& problems, const std::vector<plan::HostFacts>& answered) {
  std::set<std::string> not_ready;
  bool all = false;  // a problem of this machine concerns every host
  for (const Error& problem : problems) {
    if (problem.host.empty()) all = true;
    not_ready.insert(problem.host);
  }
  std::vector<std::string> ready;
  for (const auto& host : request.hosts) {
    if (!all && !not_ready.contains(host.name)) ready.push_back(host.name);
  }
  const std::size_t count = request.hosts.size();
  std::string text = fmt::format("{} on {}: ", request.recipe.application, request.recipe.stage);
  if (ready.size() == count) {
    text += count == 1 ? "the host is ready for a deploy" : fmt::format("all {} hosts are ready for a deploy", count);
  } else {
    text += fmt::format("{} of {} host{} ready for a deploy{}{}", ready.size(), count, count == 1 ? " is" : "s are", ready.empty() ? "" : ": ",
                        fold_names(ready));
  }
  const bool taken = std::any_of(answered.begin(), answered.end(), [](const auto& host) { return host.facts.lock || host.facts.frozen; });
  return text + (taken ? ", once nobody locks or freezes them any more\n" : "\n");
}

// Before a deploy does. What isn't there may be made like the source.
void look_at_templates(const Request& request, std::vector<Error>& problems, std::vector<plan::Remark>& remarks) {
  Request there{.recipe = request.recipe, .hosts = request.hosts, .other_hosts = request.other_hosts};
  if (may_be_made(request.recipe)) {
    std::erase_if(there.recipe.templates, [&](const recipe::Template& spec) {
      std::error_code ignored;
      const bool missing = !std::filesystem::exists(spec.from, ignored);
      if (missing) remarks.push_back({"", fmt::format("the template '{}' isn't there: a before_connect task may make it", spec.from)});
      return missing;
    });
  }
  const auto templates = read_templates(there);
  if (!templates) problems.insert(problems.end(), templates.error().begin(), templates.error().end());
}

// Where a deploy would meet itself.
void look_for_same_trees(const std::vector<plan::HostFacts>& answered, std::vector<Error>& problems) {
  std::map<std::string_view, std::string> known;  // place -> name
  for (const auto& [host, facts] : answered) {
    if (facts.place.empty()) continue;
    const auto [first, is_new] = known.emplace(facts.place, host.name);
    if (!is_new) problems.push_back(same_tree_error(host.name, first->second));
  }
}

}  // namespace

Reading check(const Request& request, const Surroundings& with) {
  Run run(request, with, "check");
  std::vector<Error> problems;
  std::vector<plan::Remark> remarks;
  auto source = examine_source(request, with);
  if (!source && may_be_made(request.recipe) && source.error().code == ErrorCode::recipe) {
    remarks.push_back({"", "the source isn't there: a before_connect task may make it, which a check doesn't run, so that the room for it "
                           "is not checked"});
  } else if (!source) {
    problems.push_back(source.error());
  } else {
    remarks = source->taken.remarks;
    for (plan::Remark& remark : take_what_may_be_mended(request.recipe, source->in_the_way)) remarks.push_back(std::move(remark));
    problems = std::move(source->in_the_way);
  }
  look_at_templates(request, problems, remarks);
  if (auto none = missing_rsync(request.recipe)) problems.push_back(*std::move(none));
  // A git source has had the folder to itself already.
  if (auto unusable = source || !request.recipe.source.git ? unusable_cache(request.recipe, with) : std::nullopt) problems.push_back(*std::move(unusable));
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  const OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const auto answered = opened.answered();
  const auto summary = source ? source->summary : transfer::SourceSummary{};
  // A task that runs once may be that of a host that couldn't be reached.
  plan::DeployInput input{request.recipe, opened.hosts, with.unix_now(), request.revision, summary.files, summary.bytes, request.operator_name,
                          {},             {},           {},              request.command};
  std::vector<Error> found = plan::preflight_deploy(input);
  look_for_same_trees(answered, found);
  const auto plan = plan::build_deploy(input);
  auto nowhere = plan::once_nowhere(request.recipe, request.hosts, plan::in_deploys);  // all of them, of which the plan's error is the first
  std::ranges::move(nowhere.empty() ? problems_of(opened, std::move(found), plan, nullptr) : problems_of(opened, std::move(found)), std::back_inserter(problems));
  std::ranges::move(nowhere, std::back_inserter(problems));
  input.hosts = answered;
  std::ranges::move(plan::remarks_of_check(input, unlock_command(request)), std::back_inserter(remarks));
  run.tell(remarks);
  std::string text = ready_text(request, problems, answered) + plan::commands_text(request.recipe, answered);
  std::string json = plan::check_json(request.recipe, names_of(request.hosts), answered, problems, remarks);
  if (!problems.empty()) return {run.end_early(problems, opened), std::move(text), std::move(json)};
  return {run.end_well(opened, event::HostEnd::unchanged), std::move(text), std::move(json)};
}

}  // namespace kirikae::deploy
