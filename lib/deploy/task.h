// `deploy task`: one task of the recipe by itself, in the live release of its hosts, under their lock.
#pragma once

#include "deploy/deploy.h"

namespace kirikae::deploy {

// Locks the hosts that the task runs on (all selected ones for a task of this machine), and leaves a line in their audit logs.
// Usage error: none of the selected hosts has a role of the task. Nothing runs where one of them has no live release.
event::Report run_task(const Request& request, const recipe::Task& task, const Surroundings& with);

// What `deploy task STAGE` lists: each task, where of the selected `hosts` (at least one) it runs, and in which hooks.
std::string tasks_text(const recipe::Recipe& recipe, const std::vector<inventory::Host>& hosts);

}  // namespace kirikae::deploy
