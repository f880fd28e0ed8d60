// What this machine and its operator bring along: names, folders, keys. Read from the environment and the user
// database.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/secret.h"
#include "recipe/load.h"
#include "recipe/recipe.h"
#include "ssh/ssh_connector.h"
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

// The recipe's ssh settings, with the defaults of OpenSSH where it says nothing. `ask` may be empty: nobody is there.
ssh::Settings ssh_settings(const recipe::Ssh& ssh, std::function<Secret(const std::string&)> ask);

}  // namespace kirikae::cmd
