// GitRepository: where the commits of a git source are on this machine: the operator's own repository, or a mirror of a remote one.
#pragma once

#include <stop_token>
#include <string>

#include "core/error.h"
#include "core/fd.h"
#include "transfer/git_command.h"

namespace kirikae::transfer {

struct GitRepository {
  Git git;
  std::string git_dir;
  std::string name;       // as errors name it: the folder or the URL, in quotes
  std::string url{};      // of a mirror; empty: the operator's own
  std::string folder{};   // of the operator's own: its work tree, if it has one
  Fd lock{};              // of a mirror: nobody else changes it meanwhile
};

// The repository that `folder` lies in. Nothing is written there. Errors: recipe (no such folder, no repository), local (no git, or git's
// own reason).
Result<GitRepository> own_repository(const std::string& folder, const std::stop_token& stop);

// What a mirror is needed for.
struct Wanted {
  std::string sha{};             // a commit; one that the mirror has needs no fetch. Empty: whatever there is now
  bool by_recipe = true;         // false: a .gitmodules file named the URL, which may lead to no path of this machine
};
// A bare mirror in `cache_folder`, made or brought up to date by git fetch; it waits for another run that is at it. Errors: cancelled;
// recipe (a URL that isn't taken), local (git's own reason why it can't be fetched).
Result<GitRepository> mirror_of(const std::string& url, const Wanted& wanted, const std::string& cache_folder, const std::stop_token& stop);

// Makes the mirror's HEAD the remote one's, which git fetch doesn't. False where that is no branch with commits.
Result<bool> follow_head(const GitRepository& mirror);

[[nodiscard]] Result<bool> has_commit(const Git& git, const std::string& sha);
// Whether it lacks what came before some of its commits.
[[nodiscard]] Result<bool> is_shallow(const Git& git);

}  // namespace kirikae::transfer
