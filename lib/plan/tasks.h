// Which commands of the recipe run where, with what environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "plan/plan.h"

namespace kirikae::plan {

// What the environment of a run's commands is made of.
struct TaskScene {
  const recipe::Recipe& recipe;
  const release::Layout& layout;
  std::string action;  // DEPLOY_ACTION
  std::string release;  // empty: not chosen yet (before_connect)
  const std::vector<PlannedHost>& hosts;
  // Where commands run, by host: inside the release, or what stands before there is one.
  // `before`: in the release that each host ran before, which is RELEASE then; where `current` was a link to something else, in
  // that, or at home where it isn't there; hosts without `current` are left out.
  enum class Place { release, live_or_home, before } place = Place::release;
  std::vector<std::size_t> only{};  // indexes in `hosts`, rising: no other host runs any; empty: all may
};

// One round for each task of the hook point, in the recipe's order: every host has finished a task before the next one begins.
// Hosts with `already` are left out, and a `once` task takes one of the others. Errors (usage): a `once` task that no selected host may run.
Result<std::vector<Round>> hook_rounds(const TaskScene& scene, recipe::HookPoint point, event::Phase phase);

// The same for one task by itself. None: no host has a role of it, or a release to run it in.
std::optional<Round> task_round(const TaskScene& scene, const recipe::Task& task, event::Phase phase);

// Whether tasks of the hook may run in a deploy, or in a rollback, the way back of either and its failure included.
bool in_deploys(recipe::HookPoint point);
bool in_rollbacks(recipe::HookPoint point);
// The tasks of such hooks that run once, and that none of `hosts` may run, as errors of hook_rounds(): recipe and selection tell it before any
// host is asked.
std::vector<Error> once_nowhere(const recipe::Recipe& recipe, const std::vector<inventory::Host>& hosts, bool (*is_run)(recipe::HookPoint));

// Plan::once_in_rollback.
std::vector<std::vector<std::string>> once_in_rollback(const recipe::Recipe& recipe);

// What a command finds in its environment; `host` null: a command of this machine.
std::map<std::string, std::string> environment_of(const TaskScene& scene, const PlannedHost* host);

// Indexes of the hosts that run `task`; empty where no role matches.
std::vector<std::size_t> hosts_of(const recipe::Task& task, const std::vector<PlannedHost>& hosts);

}  // namespace kirikae::plan
