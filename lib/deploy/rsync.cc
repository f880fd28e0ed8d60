#include "deploy/rsync.h"

#include <unistd.h>

#include <cstdlib>
#include <ranges>
#include <string_view>
#include <utility>

namespace kirikae::deploy {

std::optional<runner::RsyncSource> rsync_source(const recipe::Recipe& recipe, const transfer::Listing& source, const std::string& program,
                                                std::shared_ptr<transfer::RateLimit> limit) {
  if (recipe.transfer != recipe::Transfer::rsync) return std::nullopt;
  runner::RsyncSource rsync{program, recipe.source.directory->path, {}, release::to_text(*source.manifest), release::digest_of(*source.manifest),
                            std::move(limit)};
  for (const auto& each : source.entries) rsync.names += "./" + each.entry.path + '\0';
  return rsync;
}

std::optional<Error> missing_rsync(const recipe::Recipe& recipe) {
  if (recipe.transfer != recipe::Transfer::rsync) return std::nullopt;
  const char* path = std::getenv("PATH");
  for (const auto part : std::views::split(std::string_view(path == nullptr ? "/usr/bin:/bin" : path), ':')) {
    const std::string folder(part.begin(), part.end());
    if (::access(((folder.empty() ? "." : folder) + "/rsync").c_str(), X_OK) == 0) return std::nullopt;
  }
  return Error(ErrorCode::local, "there is no 'rsync' on this machine, which 'transfer: rsync' needs", "install it, or set 'transfer: delta'");
}

}  // namespace kirikae::deploy
