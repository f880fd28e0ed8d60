// The only file input of this layer.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "recipe/load.h"

namespace kirikae::recipe {

constexpr std::size_t most_bytes = std::size_t{1} << 20U;

Result<std::string> find_recipe(const std::string& folder) {
  std::error_code ignored;
  for (std::filesystem::path at = folder;; at = at.parent_path()) {
    const auto candidate = at / "deploy.yml";
    if (std::filesystem::exists(candidate, ignored)) return candidate.string();
    if (!at.has_relative_path()) break;
  }
  return std::unexpected(Error(ErrorCode::recipe, fmt::format("no deploy.yml in '{}' or above it", folder),
                               "`deploy init` writes one to start from; --recipe FILE names another"));
}

Result<std::string> read_recipe(const std::string& path) {
  const auto failed = [&](const std::string& why) {
    return std::unexpected(Error(ErrorCode::recipe, fmt::format("can't read the recipe '{}': {}", path, why)));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return failed("it is a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(std::strerror(errno));
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failed(std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_bytes) return failed("it is larger than 1 MiB");
  return text;
}

}  // namespace kirikae::recipe
