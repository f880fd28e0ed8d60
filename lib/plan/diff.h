// What a deploy would change in the files of the live releases. Pure.
#pragma once

#include <string>
#include <vector>

#include "recipe/recipe.h"
#include "release/tree.h"

namespace kirikae::plan {

// Without what is no part of a payload: paths that are linked into shared/ or copied from release to release, what lies in them,
// folders that only lead to them, and REVISION.
release::Tree comparable(const recipe::Recipe& recipe, release::Tree tree);

// Hosts whose live releases hold the same.
struct LiveTree {
  std::vector<std::string> hosts;
  std::string live;    // empty: none
  release::Tree tree;  // comparable()
};
struct Difference {
  std::string text;
  bool differs = false;
};
// A paragraph for each group. `source`: comparable(), too.
Difference difference(const recipe::Recipe& recipe, const release::Tree& source, const std::vector<LiveTree>& groups);

}  // namespace kirikae::plan
