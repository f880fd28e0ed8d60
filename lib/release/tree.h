// Tree: what a release's folder holds, path by path; as a host lists it, or as a source would make it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kirikae::release {

struct TreeEntry {
  enum class Kind { file, directory, link, other, unreadable } kind = Kind::file;
  unsigned mode = 0;    // permission bits of files and directories
  std::string content;  // of a file its sha256, of a link its text

  bool operator==(const TreeEntry&) const = default;
};
// By path below the folder; any bytes but NUL. The folder itself is not in it.
using Tree = std::map<std::string, TreeEntry, std::less<>>;

// From the output of the host function `tree` (lib/host/tree.sh). Error code lost: what came is no answer of our script.
Result<Tree> parse_tree(std::string_view output);

}  // namespace kirikae::release
