// What a deploy would change in the files of the live releases. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/recipe.h"
#include "release/tree.h"

namespace kirikae::plan {

// Without what is no part of a payload: paths that are linked into shared/ or copied from release to release, what lies in them,
// folders that only lead to them, and REVISION.
release::Tree comparable(const recipe::Recipe& recipe, release::Tree tree);

// What a repository has between the commit that is live and the next one.
struct Commits {
  std::string from, to;  // whole names
  std::size_t ahead = 0;   // commits of the next one that the live one hasn't
  std::size_t behind = 0;  // and the other way round
  struct Commit {
    std::string sha, subject;
  };
  std::vector<Commit> listed{};  // of those ahead, newest first: the first of them, where there are many
};

// Hosts whose live releases hold the same.
struct LiveTree {
  std::vector<std::string> hosts;
  std::string live;    // empty: none
  release::Tree tree;  // comparable()
  std::optional<Commits> commits{};  // where both are commits
};
// One path that isn't the same on both sides.
struct Change {
  std::string path;
  char sign = '~';  // + added, - removed, ~ changed, ? can't be read there
  release::TreeEntry::Kind kind{};
  std::optional<std::size_t> files{};       // of a folder that one side has: how many it holds
  std::string details{};                    // of one that both have: what differs, as people read it
  std::vector<std::string_view> differs{};  // the same in words for programs: content, mode, link, kind
};
// Counts things that are no folders.
struct GroupChanges {
  std::vector<std::string> hosts{};
  std::string live{};
  std::optional<Commits> commits{};
  std::vector<Change> changes{};  // by path
  std::size_t added = 0, removed = 0, changed = 0, unreadable = 0;
};
struct Difference {
  std::string text;
  std::vector<GroupChanges> groups;
  bool differs = false;
};
// A paragraph for each group. `source`: comparable(), too.
Difference difference(const recipe::Recipe& recipe, const release::Tree& source, const std::vector<LiveTree>& groups);
// As data: a JSON document.
std::string diff_json(const Difference& difference);

// file, folder, link …
std::string_view kind_text(release::TreeEntry::Kind kind);

}  // namespace kirikae::plan
