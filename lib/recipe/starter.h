// The recipe that `deploy init` writes.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::recipe {

// A commented recipe that loads as it stands and deploys once its hosts are real ones. Precondition: application_rule (rules.h)
// has nothing against `application`.
std::string starter_recipe(std::string_view application);

}  // namespace kirikae::recipe
