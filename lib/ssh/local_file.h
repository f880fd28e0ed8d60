// Reads a small file of this machine whole: keys and known_hosts.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

#include "core/error.h"

namespace kirikae::ssh {

// Bytes: what is larger is none.
inline constexpr std::size_t key_file_limit = 1U << 20U;  // a certificate, too
inline constexpr std::size_t known_hosts_limit = 64U << 20U;

struct LocalFile {
  std::string bytes;
  mode_t mode = 0;
  uid_t owner = 0;
};

// nullopt: there is no such file. Error (local): it can't be read, is no regular file, or is larger than `limit` bytes.
Result<std::optional<LocalFile>> read_local_file(const std::string& path, std::size_t limit);

}  // namespace kirikae::ssh
