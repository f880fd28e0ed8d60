// What this machine and its operator bring along: names, folders, keys. Read from the environment and the user
// database.
#pragma once

#include <memory>
#include <map>
#include <optional>
#include <string>

#include "core/error.h"
#include "recipe/load.h"
#include "recipe/recipe.h"
#include "ssh/ssh_config.h"
#include "ui/ci.h"

namespace kirikae::cmd {

// The login name of the one who runs us, as ssh takes it; and his folder: $HOME, else the user database's.
std::string login_name();
std::string home_folder();

// `ada@laptop`: the person that a CI job runs for, where it says so, at this machine.
std::string operator_name();

// Where the CI job that we run in can be looked at; empty: none is known.
std::string job_url();

// The CI system that reads our output: one runs us, and standard output is its log or is to look like one (`plain`).
ui::Ci ci_system(bool plain);

// For spool files: $XDG_CACHE_HOME/kirikae or ~/.cache/kirikae. Error (local): neither is known.
Result<std::string> cache_folder();

// Where runs are kept: $XDG_STATE_HOME/kirikae/runs or ~/.local/state/kirikae/runs. Error (local): neither is known.
Result<std::string> runs_folder();

std::optional<std::string> environment_variable(const std::string& name);
recipe::Surroundings recipe_surroundings();

// What the recipe calls libssh2, openssh or auto.
ssh::Carrier carrier(const std::string& transport);

// How hosts are reached: by ssh_config, under what the recipe says.
std::shared_ptr<ssh::SshConfig> ssh_config(const recipe::Ssh& ssh);

}  // namespace kirikae::cmd
