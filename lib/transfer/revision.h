// The git revision of a directory source.
#pragma once

#include <stop_token>
#include <string>

#include "core/error.h"

namespace kirikae::transfer {

// The commit that `folder`'s work tree has checked out, with `-dirty` where anything in the work tree differs from it or is
// untracked; empty where there is no git, no work tree, or no commit yet. Nothing is written in the repository. Error: cancelled.
Result<std::string> git_revision(const std::string& folder, const std::stop_token& stop);

}  // namespace kirikae::transfer
