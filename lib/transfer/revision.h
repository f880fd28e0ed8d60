// The git revision of a directory source.
#pragma once

#include <stop_token>
#include <string>

#include "core/error.h"

namespace kirikae::transfer {

struct GitRevision {
  std::string text{};    // empty: there is none
  std::string untold{};  // git's reason, where there is a repository of which it tells nothing, as of one that is another user's
};
// The commit that `folder`'s work tree has checked out, with `-dirty` where anything in the work tree differs from it or is
// untracked; none where there is no git, no work tree, or no commit yet. Nothing is written in the repository. Error: cancelled.
Result<GitRevision> git_revision(const std::string& folder, const std::stop_token& stop);

}  // namespace kirikae::transfer
