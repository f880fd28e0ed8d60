// Archives for the tests of this folder, hostile ones too.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <vector>

namespace kirikae::test {

struct Item {
  std::string path;
  std::string content = {};  // of a file
  unsigned mode = 0644;
  unsigned type = AE_IFREG;
  std::string link = {};  // target: of a symlink, or of a hard link where type is AE_IFREG
};
Item soft_link(const std::string& path, const std::string& target);
Item folder_item(const std::string& path, unsigned mode = 0755);
Item hard_link(const std::string& path, const std::string& target);

// Writes just what it is told, however hostile, to `path`, which it gives back. `how` is the archive's suffix; `locked.zip` wants a
// password.
std::string make_archive(const std::string& path, const std::string& how, const std::vector<Item>& items);

}  // namespace kirikae::test
