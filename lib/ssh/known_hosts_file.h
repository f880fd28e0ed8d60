// KnownHostsFile: a known_hosts file that is being changed. Only one of this machine's runs changes a file at a time (flock); other
// programs that append, as ssh does, are not disturbed: a line goes to the end in one write.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/deadline.h"
#include "core/error.h"
#include "core/fd.h"
#include "ssh/known_hosts.h"

namespace kirikae::ssh {

class KnownHostsFile {
 public:
  // Makes the file (0600) and its folder (0700) where they are missing. Errors (local): it can't be written, is no regular file, or
  // somebody else keeps it locked until `deadline`.
  static Result<KnownHostsFile> open(const std::string& path, Deadline deadline);
  // Whether it could be opened, as far as that shows without making anything. Error (local): as above.
  static Result<void> may_open(const std::string& path);

  // What is in it, from then on until this object's end but for what programs without a lock do.
  [[nodiscard]] const std::string& text() const { return text_; }

  // A line for a listed name (known_hosts.h), hashed where all names of the file are. Error (local): it could not be written.
  Result<void> append(const std::string& name, std::string_view key);
  // Takes the lines out for which `unwanted` is true; by a rename, so that readers see the file before or after. The number of lines
  // taken out. To be called once, after which the object is of no more use. Error (local).
  Result<std::size_t> remove(const std::function<bool(const KnownHostsLine&)>& unwanted);

 private:
  KnownHostsFile(std::string path, Fd fd, std::string text)
      : path_(std::move(path)), fd_(std::move(fd)), text_(std::move(text)) {}

  std::string path_;  // without links
  Fd fd_;             // has the lock
  std::string text_;
};

// The line's text, without a newline. `hashed`: under a hash of the name.
std::string known_hosts_line(const std::string& name, std::string_view key, bool hashed);

}  // namespace kirikae::ssh
