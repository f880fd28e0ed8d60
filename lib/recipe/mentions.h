// The names that a recipe has for vars.
#pragma once

#include <set>
#include <string>

#include "recipe/document.h"

namespace kirikae::recipe {

using Names = std::set<std::string, std::less<>>;

// Those under 'vars', 'prompts' and 'secrets' anywhere in the file, and those that stand in a value as $NAME or ${NAME}: commands
// read vars so, too.
Names mentioned_names(const Node& root);

}  // namespace kirikae::recipe
