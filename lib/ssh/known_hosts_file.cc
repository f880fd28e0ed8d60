#include "ssh/known_hosts_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <set>
#include <system_error>
#include <thread>

#include "core/digest.h"
#include "ssh/local_file.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::chrono::milliseconds pause{5};

Error cannot_write(const std::string& path, const std::string& why) {
  return Error(ErrorCode::local, fmt::format("can't write '{}': {}", path, why));
}
Error no_file(const std::string& path) {
  Error error = cannot_write(path, "it is not a regular file");
  error.hint = "name a file for new keys under 'ssh' in the recipe (known_hosts_file: PATH)";
  return error;
}
Error failed(const std::string& path) { return cannot_write(path, std::generic_category().message(errno)); }

// Of a path without links, so that what is renamed over it is the file and no link to it.
std::string resolved(const std::string& path) {
  char* text = ::realpath(path.c_str(), nullptr);
  if (text == nullptr) return path;
  std::string real(text);
  std::free(text);
  return real;
}

Result<Fd> open_or_make(const std::string& path) {
  const auto try_open = [&] {
    return Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  };
  Fd fd = try_open();
  if (!fd.valid() && errno == ENOENT) {
    const std::string folder = path.substr(0, path.rfind('/'));
    if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(failed(path));
    fd = try_open();
  }
  if (!fd.valid()) return std::unexpected(failed(path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(failed(path));
  if (!S_ISREG(status.st_mode)) return std::unexpected(no_file(path));
  return fd;
}

// Whether that is still the file of this name, and none that was renamed away.
bool is_at(const Fd& fd, const std::string& path) {
  struct stat ours {
  }, theirs{};
  return ::fstat(fd.get(), &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_dev == theirs.st_dev &&
         ours.st_ino == theirs.st_ino;
}

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool all_hashed(std::string_view text) {
  const auto lines = parse_known_hosts(text).lines;
  return !lines.empty() && std::ranges::all_of(lines, [](const auto& line) { return !line.hash.empty(); });
}

std::string random_bytes(std::size_t count) {
  const std::string hex = random_hex(count);
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

std::string known_hosts_line(const std::string& name, std::string_view key, bool hashed) {
  std::string names = name;
  if (hashed) {
    const std::string salt = random_bytes(20);
    names = fmt::format("|1|{}|{}", to_base64(salt), to_base64(hmac_sha1_bytes(salt, name)));
  }
  return fmt::format("{} {} {}", names, key_type(key), to_base64(key));
}

Result<KnownHostsFile> KnownHostsFile::open(const std::string& path, Deadline deadline) {
  for (;;) {
    TRY_ASSIGN(Fd fd, open_or_make(path));
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) break;  // a file system without locks: one write at the end is all there is then
      if (deadline.passed()) return std::unexpected(cannot_write(path, "another program keeps it locked"));
      std::this_thread::sleep_for(pause);
    }
    const std::string real = resolved(path);
    if (!is_at(fd, real)) continue;
    TRY_ASSIGN(const auto file, read_local_file(real, known_hosts_limit));
    if (!file) continue;
    return KnownHostsFile(real, std::move(fd), file->bytes);
  }
}

Result<void> KnownHostsFile::may_open(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return std::unexpected(no_file(path));
  if (::access(path.c_str(), R_OK | W_OK) == 0) return {};
  std::string place = path;
  for (int missing = 0; errno == ENOENT && missing < 2; ++missing) {  // the file, and its folder
    place = place.substr(0, std::max<std::size_t>(place.rfind('/'), 1));
    if (::access(place.c_str(), W_OK | X_OK) == 0) return {};
  }
  return std::unexpected(failed(path));
}

Result<void> KnownHostsFile::append(const std::string& name, std::string_view key) {
  std::string line = known_hosts_line(name, key, all_hashed(text_)) + '\n';
  if (!text_.empty() && !text_.ends_with('\n')) line.insert(0, "\n");
  if (!write_whole(fd_.get(), line)) return std::unexpected(failed(path_));
  text_ += line;
  return {};
}

Result<std::size_t> KnownHostsFile::remove(const std::function<bool(const KnownHostsLine&)>& unwanted) {
  std::set<int> numbers;
  for (const auto& line : parse_known_hosts(text_).lines) {
    if (unwanted(line)) numbers.insert(line.line);
  }
  if (numbers.empty()) return 0;
  std::string kept;
  int number = 1;
  for (std::string_view rest = text_; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(line.size());
    if (!numbers.contains(number)) kept += line;
  }
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return std::unexpected(failed(path_));
  std::string beside = path_ + ".XXXXXX";
  const Fd made(::mkostemp(beside.data(), O_CLOEXEC));
  if (!made.valid()) return std::unexpected(failed(path_));
  const bool done = ::fchmod(made.get(), status.st_mode & 07777U) == 0 && write_whole(made.get(), kept) &&
                    ::fsync(made.get()) == 0 && ::rename(beside.c_str(), path_.c_str()) == 0;
  if (!done) {
    Error error = failed(path_);
    ::unlink(beside.c_str());
    return std::unexpected(std::move(error));
  }
  return numbers.size();
}

}  // namespace kirikae::ssh
