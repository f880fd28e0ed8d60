// SumCache: the sums of a source directory's files, kept from run to run, so that what has not changed isn't read again.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kirikae::transfer {

class SumCache {
 public:
  // What an earlier run has kept in `cache_folder` of the source at `path`. A file of it that is missing, torn or unreadable is as good
  // as empty.
  static SumCache load(const std::string& cache_folder, std::string_view path);

  // The sum of the file that had this path and this stat(2) when it was put in.
  [[nodiscard]] std::optional<std::string> find(std::string_view path, const struct stat& info) const;
  // `read_at`: unix seconds before it was read. A file that was written to in the seconds before isn't kept, since its time would not
  // tell of the next change.
  void put(std::string_view path, const struct stat& info, std::string sha256, std::int64_t read_at);
  // Keeps what was put in, and nothing of what was loaded; and of other sources those that were used last. Only an aid: what fails is not told.
  void save() const;

 private:
  struct Sum {
    std::string stamp;  // of everything that changes with the file
    std::string sha256;
  };
  std::string folder_, name_;
  std::map<std::string, Sum, std::less<>> loaded_, kept_;
};

}  // namespace kirikae::transfer
