// A file's permission bits; those of a link itself.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>

namespace kirikae::test {

inline mode_t mode_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) throw std::runtime_error("there is no " + file.string());
  return status.st_mode & 07777U;
}

}  // namespace kirikae::test
