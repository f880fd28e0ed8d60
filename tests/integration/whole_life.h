// A whole life of a host: three deploys of an application with shared paths, tasks and a variable that needs quoting, then a rollback.
// Fails the test where anything of it goes wrong, or an invariant doesn't hold in the end. `ssh`: more lines of the recipe's `ssh`.
#pragma once

#include <string>

#include "support/farm.h"

namespace kirikae::test {

void whole_life(World& world, const std::string& ssh = {});

}  // namespace kirikae::test
