// ArchiveNames: judges the names and links of an archive's entries, one after the other, before any of them is passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

class ArchiveNames {
 public:
  // `raw` without `.` and empty parts; empty for the archive's root itself. Error (recipe): absolute, or has a `..` part.
  static Result<std::string> normalised(std::string_view raw);
  // A normalised `path` without its first `parts` parts; empty where it has no more than those.
  static std::string stripped(std::string_view path, int parts);
  // Whether a symlink at `path` stays in the tree, whatever else the tree has: `target` is relative and never climbs over the top.
  static bool stays_inside(std::string_view path, std::string_view target);

  // Takes `entry` (its path normalised) into the tree. Gives the directories above it that no entry has made yet, from the top
  // down. Error (recipe), which names it: the name is taken, a parent is no
  // directory, a link leaves the tree, a hard link's target is no earlier file. A directory may come twice.
  Result<std::vector<std::string>> admit(const Entry& entry);

 private:
  enum class Kind : std::uint8_t { file, directory, symlink };
  // By hash, for the sake of memory at a million names; names that share one would be refused, never let through.
  std::unordered_map<std::uint64_t, Kind> known_;

  Result<std::vector<std::string>> admit_parents(const Entry& entry);
};

}  // namespace kirikae::transfer
