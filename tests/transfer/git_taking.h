// What the tests of git sources share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/git_repo.h"
#include "support/temp_dir.h"
#include "transfer/git_source.h"
#include "transfer/listing.h"

namespace kirikae::test {

// A cache folder, and git without the configuration of whoever runs the tests.
class GitTaking {
 public:
  explicit GitTaking(const std::string& config = {}) {
    ::setenv("GIT_CONFIG_GLOBAL", folder_.write("gitconfig", config).c_str(), 1);
    ::setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
  }
  [[nodiscard]] std::filesystem::path operator/(std::string_view below) const { return folder_.path() / below; }
  [[nodiscard]] std::string cache() const { return folder_ / "cache"; }

  [[nodiscard]] Result<transfer::GitCommit> take(const std::string& repository, const std::string& revision = {},
                                                 recipe::GitSource::Kind kind = {}, const std::stop_token& stop = {}) const {
    return transfer::take_commit({repository, revision, kind}, cache(), stop);
  }
  [[nodiscard]] Result<transfer::GitCommit> take(const GitRepo& repository, const std::string& revision = {}, recipe::GitSource::Kind kind = {}) const {
    return take(repository.path().string(), revision, kind);
  }
  template <class... Words>
  [[nodiscard]] transfer::GitCommit must(const Words&... words) const {
    auto taken = take(words...);
    INFO((taken ? "" : to_text(taken.error())));
    REQUIRE(taken);
    return *std::move(taken);
  }
  // The whole text of the error.
  template <class... Words>
  [[nodiscard]] std::string error_of(const Words&... words) const {
    const auto taken = take(words...);
    INFO((taken ? taken->sha : ""));
    REQUIRE_FALSE(taken);
    return to_text(taken.error());
  }

 private:
  TempDir folder_;
};

// Each path with its mode and the beginning of its sum, or its target.
inline std::vector<std::string> entries_of(const transfer::GitCommit& commit) {
  const TempDir cache;
  const auto listed = transfer::list_source(commit.as_archive(), cache.path(), {});
  INFO((listed ? "" : to_text(listed.error())));
  REQUIRE(listed);
  std::vector<std::string> entries;
  for (const auto& each : listed->entries) {
    const transfer::Entry& entry = each.entry;
    std::string what = entry.kind == transfer::Entry::Kind::symlink
                           ? "-> " + entry.target
                           : fmt::format("{:o} {}", entry.mode, each.sha256.substr(0, 8));
    entries.push_back(entry.path + ": " + what);
  }
  std::ranges::sort(entries);
  return entries;
}
inline std::vector<std::string> paths_of(const transfer::GitCommit& commit) {
  std::set<std::string> paths;  // a submodule's folder is there twice
  for (const std::string& entry : entries_of(commit)) paths.insert(entry.substr(0, entry.find(": ")));
  return {paths.begin(), paths.end()};
}

}  // namespace kirikae::test
