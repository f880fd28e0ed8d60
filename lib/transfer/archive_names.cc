#include "transfer/archive_names.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace kirikae::transfer {
namespace {

Error refused(std::string_view path, std::string_view why) {
  return {ErrorCode::recipe, fmt::format("{} {}", shown(path), why), "pack the archive anew without it"};
}

// Calls with each part between slashes, empty ones too, until one call says false.
template <class F>
bool each_part(std::string_view path, F&& call) {
  for (std::size_t from = 0; from <= path.size();) {
    const auto to = std::min(path.find('/', from), path.size());
    if (!call(path.substr(from, to - from))) return false;
    from = to + 1;
  }
  return true;
}

std::uint64_t hash_of(std::string_view path) { return std::hash<std::string_view>()(path); }

}  // namespace

Result<std::string> ArchiveNames::normalised(std::string_view raw) {
  if (raw.starts_with('/')) return std::unexpected(refused(raw, "is an absolute name"));
  std::string path;
  const bool ok = each_part(raw, [&](std::string_view part) {
    if (part.empty() || part == ".") return true;
    if (part == "..") return false;
    if (!path.empty()) path += '/';
    path += part;
    return true;
  });
  if (!ok) return std::unexpected(refused(raw, "climbs with '..'"));
  return path;
}

std::string ArchiveNames::stripped(std::string_view path, int parts) {
  for (; parts > 0 && !path.empty(); --parts) path.remove_prefix(std::min(path.find('/'), path.size() - 1) + 1);
  return std::string(path);
}

bool ArchiveNames::stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.starts_with('/')) return false;
  // The folder of the link is a real one, so each leading `..` is one level up. After a name `..` could mean anything, for
  // that name may be a link itself.
  auto levels = std::ranges::count(path, '/');
  bool named = false;
  return each_part(target, [&](std::string_view part) {
    if (part == "..") return !named && --levels >= 0;
    named = named || (!part.empty() && part != ".");
    return true;
  });
}

Result<std::vector<std::string>> ArchiveNames::admit_parents(const Entry& entry) {
  std::vector<std::string> made;
  const std::string_view path = entry.path;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const auto parent = path.substr(0, slash);
    const auto [known, fresh] = known_.try_emplace(hash_of(parent), Kind::directory);
    if (known->second != Kind::directory) {
      return std::unexpected(refused(path, "lies inside of " + shown(parent) + ", which is no directory"));
    }
    if (fresh) made.emplace_back(parent);
  }
  return made;
}

Result<std::vector<std::string>> ArchiveNames::admit(const Entry& entry) {
  TRY_ASSIGN(auto made, admit_parents(entry));
  Kind kind = Kind::file;
  switch (entry.kind) {
    case Entry::Kind::file:
      break;
    case Entry::Kind::directory:
      kind = Kind::directory;
      break;
    case Entry::Kind::symlink:
      kind = Kind::symlink;
      if (!stays_inside(entry.path, entry.target)) {
        return std::unexpected(
            refused(entry.path, "is a link to " + shown(entry.target) + ", which may leave the release"));
      }
      break;
    case Entry::Kind::hard_link: {
      const auto target = known_.find(hash_of(entry.target));
      if (target == known_.end() || target->second != Kind::file) {
        return std::unexpected(
            refused(entry.path, "is a hard link to " + shown(entry.target) + ", which is no earlier file of it"));
      }
      break;
    }
  }
  const auto [known, fresh] = known_.try_emplace(hash_of(entry.path), kind);
  if (!fresh && (kind != Kind::directory || known->second != Kind::directory)) {
    return std::unexpected(refused(entry.path, "is there twice"));
  }
  return made;
}

}  // namespace kirikae::transfer
