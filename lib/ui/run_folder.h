// RunFolder: the runs that are kept on this machine, each a file of events as JSON lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/fd.h"

namespace kirikae::ui {

struct KeptRun {
  std::string id;
  std::string file;
  std::uint64_t bytes = 0;
};

struct RunFile {  // of a run that is under way
  Fd fd;
  std::string path;
};

class RunFolder {
 public:
  // `path` need not be there.
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  // A new file, 0600, in the folder, which is made 0700 where it is missing. It is locked (flock) as long as the descriptor
  // lives, which tells a run that is under way from one that has died. Errors: local.
  [[nodiscard]] Result<RunFile> create(const std::string& id) const;
  // Newest first. Other files are ignored.
  [[nodiscard]] std::vector<KeptRun> list() const;
  // Removes what is over: the newest 50 stay, and 10 of those that were refused before they began; of those the ones from after `oldest` (an
  // id), as far as 200 MB go. Runs under way stay, and so does the newest.
  void prune(const std::string& oldest) const;

 private:
  std::string path_;
};

// A run that has its file open. False also where the file can't be read.
bool is_under_way(const std::string& file);

// The content, 64 MB of it at most. Errors: local.
Result<std::string> read_run(const std::string& file);

}  // namespace kirikae::ui
