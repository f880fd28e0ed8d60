#include "ssh/private_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

// sun_path has 108 bytes, and ssh puts 17 of its own behind the name while it makes a socket.
constexpr std::size_t longest_parent = 60;

std::string parent() {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  const char* chosen = std::getenv("TMPDIR");
  const std::string_view folder = chosen == nullptr ? "" : chosen;
  const bool fit = folder.starts_with('/') && folder.size() <= longest_parent && folder.find_first_not_of(plain) == std::string_view::npos;
  return fit ? std::string(folder) : "/tmp";
}

}  // namespace

Result<PrivateFolder> PrivateFolder::make() {
  std::string path = parent() + "/kirikae-ssh-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return std::unexpected(Error(ErrorCode::local, "no folder for ssh's socket in '" + parent() + "': " + system_cause(errno),
                                 "set TMPDIR to a folder that can be written"));
  }
  return PrivateFolder(std::move(path));
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace kirikae::ssh
