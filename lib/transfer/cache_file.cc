#include "transfer/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "core/digest.h"
#include "core/fd.h"

namespace kirikae::transfer {
namespace fs = std::filesystem;

std::optional<std::string> read_cache_file(const std::string& folder, const std::string& name) {
  if (!is_sha256(name)) return std::nullopt;
  const std::string path = folder + '/' + name;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info = {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto got = ::read(file.get(), text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  ::futimens(file.get(), nullptr);
  return text;
}

bool make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return true;
  const auto slash = folder.find_last_of('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) return false;
  return make_private_folder(folder.substr(0, slash)) && (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST);
}

void write_cache_file(const std::string& folder, const std::string& name, std::string_view text) {
  if (!is_sha256(name) || !make_private_folder(folder)) return;
  const std::string path = folder + '/' + name;
  std::string beside = path + ".XXXXXX";
  const Fd file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file.valid()) return;
  while (!text.empty()) {
    const auto done = ::write(file.get(), text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  if (!text.empty() || ::rename(beside.c_str(), path.c_str()) != 0) ::unlink(beside.c_str());
}

void keep_newest(const std::string& folder, std::size_t count) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (auto entry = fs::directory_iterator(folder, ignored); entry != fs::directory_iterator(); entry.increment(ignored)) {
    files.emplace_back(entry->last_write_time(ignored), entry->path());
  }
  if (files.size() <= count) return;
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i + count < files.size(); ++i) fs::remove(files[i].second, ignored);
}

}  // namespace kirikae::transfer
