// Checks what one key says against what others say, in the recipe of one stage.
#pragma once

#include <set>
#include <string>

#include "recipe/document.h"
#include "recipe/recipe.h"

namespace kirikae::recipe {

struct ValidationScene {
  const std::set<std::string>& all_roles;  // of the hosts of all stages
  bool has_home = true;                    // `~` stands for something
};

// `tree` is what `recipe` was made from, and says where things stand. Problems: not exactly one source, for the whole or for a secret; names that
// mean two things; secrets that are named and aren't there; shared, copied and made paths that get in each other's way; keys that do nothing
// beside others; hooks that name no task, tasks of roles that nobody has, and what expand_hosts says.
void validate(const Recipe& recipe, const Node& tree, const ValidationScene& scene, Problems& problems);

}  // namespace kirikae::recipe
