// A commit as one archive, its submodules in it.
//
// By `git archive`, since nothing else knows export-ignore and export-subst as git means them. It runs once for a repository, into
// a file without a name: what is measured, listed and packed after that is this file, read and judged as any archive is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/error.h"
#include "transfer/git_repository.h"
#include "transfer/spool.h"

namespace kirikae::transfer {

struct GitArchive {
  std::shared_ptr<Spool> tar;  // finished
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // unpacked
};
// `commit` is what errors name it. The lock of a mirror is given up as soon as it isn't needed any more. Errors: those of repository_of();
// local (git's own, no room in `cache_folder`); recipe: what no archive may have (walk_archive), git-lfs' pointers instead of
// files, nothing in it.
Result<GitArchive> archive_of(GitRepository& repository, const std::string& sha, const std::string& commit, const std::string& cache_folder);

}  // namespace kirikae::transfer
