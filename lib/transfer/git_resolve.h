// From what people call a commit to the commit.
#pragma once

#include <string>

#include "core/error.h"
#include "recipe/recipe.h"
#include "transfer/git_repository.h"

namespace kirikae::transfer {

// The whole name of the commit that the source means. Errors (recipe): no such branch, tag or commit, with the nearest name; a name that a
// branch and a tag have, where nothing says which; a repository without commits.
Result<std::string> resolve(const GitRepository& repository, const recipe::GitSource& source);

}  // namespace kirikae::transfer
