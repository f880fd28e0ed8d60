// The answers to a stage's prompts become its vars.
#pragma once

#include <map>
#include <set>
#include <string>

#include "recipe/document.h"
#include "recipe/recipe.h"

namespace kirikae::recipe {

// After --set and before interpolation. An answer is what --set says, else `answers`, else the default where that is text; a var
// without one is `unknown`. Those of secret prompts are no vars. Returns the names of the prompts that --set or `answers` answer.
std::set<std::string> answer_prompts(Node& stage_tree, const std::map<std::string, std::string>& answers);

// After interpolation.
Waiting waiting_in(const Node& stage_tree);

}  // namespace kirikae::recipe
