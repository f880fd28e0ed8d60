// Never: something that commands wait for and that never comes, without a clock. `cat PATH` doesn't end by itself, whoever runs it, and
// processes_with(PATH) finds those that do.
#pragma once

#include <sys/stat.h>

#include <stdexcept>
#include <string>

#include "support/temp_dir.h"

namespace kirikae::test {

class Never {
 public:
  Never() : path_(folder_ / "never") {
    if (::chmod(folder_.path().c_str(), 0755) != 0 || ::mkfifo(path_.c_str(), 0600) != 0 || ::chmod(path_.c_str(), 0666) != 0) {
      throw std::runtime_error("no pipe can be made at " + path_);
    }
  }
  [[nodiscard]] const std::string& path() const { return path_; }  // of a pipe that nobody writes to
  [[nodiscard]] std::string command() const { return "cat " + path_; }

 private:
  TempDir folder_;
  std::string path_;
};

}  // namespace kirikae::test
