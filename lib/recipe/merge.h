// Deep merge: how a stage overrides the recipe, and --set overrides both.
#pragma once

#include <string>
#include <vector>

#include "recipe/document.h"
#include "recipe/mentions.h"

namespace kirikae::recipe {

// Maps merge, everything else replaces, null removes. What is kept keeps its place.
Node merged(const Node& below, const Node& above);

// Takes a var away that hosts of the stage have of their own.
void remove_host_var(Node& stage, const std::string& name);

// Applies `key=value` words to the tree of a stage, shorthands expanded: `ssh.port=22`, `copied=a,b` (a list), and a bare name
// that is no key is a var, if it is one of `mentioned`: another is a typo, and is told as such. A var set so goes from every host's own vars, too (of user, port and transport parse_stage sees to that). Values are taken literally.
// `whole` false, for stages that are only checked: nothing but vars and keys of the top level, on which other values may rely.
void apply_sets(Node& stage, const std::vector<std::string>& sets, bool whole, const Names& mentioned, Problems& problems);

}  // namespace kirikae::recipe
