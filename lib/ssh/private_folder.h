// A folder that nobody else may enter, gone with the object.
#pragma once

#include <string>

#include "core/error.h"

namespace kirikae::ssh {

class PrivateFolder {
 public:
  // In TMPDIR where its name is short and plain enough for a socket's path, else in /tmp. Error (local): it can't be made.
  static Result<PrivateFolder> make();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder();
  [[nodiscard]] std::string operator/(const char* name) const { return path_ + '/' + name; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace kirikae::ssh
