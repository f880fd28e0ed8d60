// A whole life of a host: three deploys of an application with shared paths, tasks and a variable that needs quoting, then a rollback.
// Fails the test where anything of it goes wrong, or an invariant doesn't hold in the end.
#pragma once

#include "support/farm.h"

namespace kirikae::test {

void whole_life(World& world);

}  // namespace kirikae::test
