#include "ssh/local_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "core/fd.h"

namespace kirikae::ssh {
namespace {

Error cannot_read(const std::string& path, const std::string& why) {
  return Error(ErrorCode::local, fmt::format("can't read '{}': {}", path, why));
}
std::string text_of_errno() { return std::generic_category().message(errno); }

}  // namespace

Result<std::optional<LocalFile>> read_local_file(const std::string& path, std::size_t limit) {
  // Not blocking, since the path may name a FIFO.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return std::unexpected(cannot_read(path, text_of_errno()));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(cannot_read(path, text_of_errno()));
  if (!S_ISREG(status.st_mode)) return std::unexpected(cannot_read(path, "it is not a regular file"));

  LocalFile file;
  file.mode = status.st_mode;
  file.owner = status.st_uid;
  for (std::array<char, 16384> buffer{};;) {
    const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::unexpected(cannot_read(path, text_of_errno()));
    if (size == 0) return file;
    file.bytes.append(buffer.data(), static_cast<std::size_t>(size));
    if (file.bytes.size() > limit)
      return std::unexpected(cannot_read(path, fmt::format("it is larger than {} bytes", limit)));
  }
}

}  // namespace kirikae::ssh
