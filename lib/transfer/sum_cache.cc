#include "transfer/sum_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/digest.h"
#include "transfer/cache_file.h"

namespace kirikae::transfer {
namespace {

constexpr std::string_view heading = "kirikae sums 1\n";
constexpr std::size_t most_sums = 64;
constexpr std::int64_t settled = 2;  // seconds; the coarsest file systems count by two

std::string stamp_of(const struct stat& info) {
  return fmt::format("{} {} {} {}.{} {}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                     info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
}

// `text` up to `end`, which both go; empty where there is none, and then nothing is left of `text`.
std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = at == std::string_view::npos ? std::string_view() : text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

}  // namespace

SumCache SumCache::load(const std::string& cache_folder, std::string_view path) {
  SumCache cache;
  cache.folder_ = cache_folder + "/sums";
  cache.name_ = to_hex(sha256_bytes(path));
  const auto whole = read_cache_file(cache.folder_, cache.name_);
  if (!whole || !whole->starts_with(heading)) return cache;
  for (std::string_view text = std::string_view(*whole).substr(heading.size()); !text.empty();) {
    const auto name = take(text, '\0');
    const auto sha256 = take(text, ' ');
    const auto stamp = take(text, '\n');
    if (name.empty() || !is_sha256(sha256) || stamp.empty()) break;
    cache.loaded_.emplace(name, Sum{std::string(stamp), std::string(sha256)});
  }
  return cache;
}

std::optional<std::string> SumCache::find(std::string_view path, const struct stat& info) const {
  const auto found = loaded_.find(path);
  if (found == loaded_.end() || found->second.stamp != stamp_of(info)) return std::nullopt;
  return found->second.sha256;
}

void SumCache::put(std::string_view path, const struct stat& info, std::string sha256, std::int64_t read_at) {
  if (std::max(info.st_mtim.tv_sec, info.st_ctim.tv_sec) + settled >= read_at) return;
  kept_.emplace(path, Sum{stamp_of(info), std::move(sha256)});
}

void SumCache::save() const {
  std::string text(heading);
  for (const auto& [path, sum] : kept_) {
    text += path;
    text += '\0';
    text += sum.sha256 + ' ' + sum.stamp + '\n';
  }
  write_cache_file(folder_, name_, text);
  keep_newest(folder_, most_sums);
}

}  // namespace kirikae::transfer
