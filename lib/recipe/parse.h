// From the tree of one stage, merged, interpolated and checked, to a Recipe.
#pragma once

#include <string>

#include "recipe/document.h"
#include "recipe/recipe.h"

namespace kirikae::recipe {

struct ParseScene {
  const Document& document;
  std::string folder;  // of the recipe, absolute
  std::string home;    // for `~` in local paths
  std::string stage;
};

// Whatever doesn't fit its key is left at its default: check_keys has told it.
Recipe parse_stage(const Node& tree, const ParseScene& scene);

}  // namespace kirikae::recipe
