// The submodules of a commit: where they lie, which commits they are, and where those come from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "transfer/git_repository.h"

namespace kirikae::transfer {

struct Submodule {
  std::string path;  // in the repository that has it
  std::string sha;
  std::string name{}, url{};  // as .gitmodules has them; empty: it doesn't name this path
};
// In the order of their paths. Errors: git's own; recipe (a name that would lead out of .git/modules).
Result<std::vector<Submodule>> submodules_of(const GitRepository& repository, const std::string& sha);

// A relative URL of .gitmodules, as git resolves it by that of the repository; others as they are, but for a user in front of an https host.
std::string resolved_url(std::string_view repository, std::string_view url);

// Where the submodule's commit is: beside the operator's own repository, which has it since `git submodule update`, or, for a mirror, in a
// mirror of its own. `shown_path` is its whole path. Errors: recipe, local: it can't be had, and the way out.
Result<GitRepository> repository_of(const Submodule& submodule, const GitRepository& parent, const std::string& shown_path,
                                    const std::string& cache_folder);

}  // namespace kirikae::transfer
