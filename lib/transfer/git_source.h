// A git source, looked up and read: one commit for all hosts, whatever happens to its branch meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"
#include "transfer/artifact.h"
#include "transfer/git_archive.h"

namespace kirikae::transfer {

struct GitCommit {
  std::string sha;
  std::string git_dir;
  GitArchive archive;
  // What the operator may think is deployed, and isn't, or isn't anywhere else: for the operator's own repository.
  std::vector<std::string> remarks;

  // The commit as a source that is packed and listed like any archive; it stays readable as long as this lives.
  [[nodiscard]] recipe::Source as_archive() const;
  [[nodiscard]] SourceSummary summary() const { return {archive.files, archive.bytes, sha}; }
};
// Errors: cancelled; recipe, local: see own_repository(), mirror_of(), resolve() and archive_of().
Result<GitCommit> take_commit(const recipe::GitSource& source, const std::string& cache_folder, const std::stop_token& stop);

// The commits between what is live and what would be.
struct CommitRange {
  struct Commit {
    std::string sha, subject;
  };
  std::vector<Commit> commits{};  // the new ones, newest first, `most_listed` of them at most
  std::size_t ahead = 0;          // how many the new one has that the live one doesn't
  std::size_t behind = 0;         // and the other way round
};
inline constexpr std::size_t most_listed = 50;
// None where `live` is no commit of the repository, or a shallow clone lacks what leads from the one to the other. Errors: cancelled, local.
Result<std::optional<CommitRange>> commits_since(const std::string& live, const GitCommit& commit, const std::stop_token& stop);

}  // namespace kirikae::transfer
