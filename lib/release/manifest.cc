#include "release/manifest.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "core/digest.h"

namespace kirikae::release {
namespace {

// A move costs the host a process or two, so for less than this it isn't worth it.
constexpr std::uint64_t least_moved = 16 * 1024;

Error no_manifest(std::string_view why) {
  return {ErrorCode::lost, fmt::format("the host's list of a release's files makes no sense: {}", why)};
}

std::string line_of(std::string_view path, const FileSpec& file) {
  return fmt::format("./{}\t{:o} {}\t{}\n", path, file.mode, file.size, file.sha256);
}

template <class Number>
bool read_number(std::string_view text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// Below the release's folder, without detours.
bool is_inner_path(std::string_view path) {
  for (;;) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

// Where a content is.
using Contents = std::unordered_map<std::string_view, std::string>;
// Files of the next release that the base hasn't, or not so.
using Fresh = std::vector<const Manifest::value_type*>;

// Of the contents of `fresh`: where each is first.
Contents contents_of(const Held& held, const Fresh& fresh) {
  std::unordered_set<std::string_view> wanted;
  for (const auto* each : fresh) {
    if (each->second.size >= least_moved) wanted.insert(each->second.sha256);
  }
  Contents contents;
  if (wanted.empty()) return contents;
  const auto add = [&](const Manifest& manifest, const std::string& before) {
    for (const auto& [path, file] : manifest) {
      if (file.size >= least_moved && wanted.contains(file.sha256) && !held.unusable.contains(before + path))
        contents.try_emplace(file.sha256, before + path);
    }
  };
  add(held.base, {});
  for (const auto& [id, manifest] : held.others) add(*manifest, "../" + id + '/');
  return contents;
}

// Sets what is removed, and what is reused as it is. Both manifests are in order, so one pass does.
Fresh compare(Delta& delta, const Held& held, const Manifest& next) {
  Fresh fresh;
  auto base = held.base.begin();
  for (const auto& each : next) {
    const auto& [path, file] = each;
    int order = -1;
    for (; base != held.base.end() && (order = base->first.compare(path)) < 0; ++base) delta.removed += line_of(base->first, base->second);
    if (base == held.base.end() || order > 0) {
      fresh.push_back(&each);
      continue;
    }
    if (base->second == file && !held.unusable.contains(path)) {
      delta.reused.insert(delta.reused.end(), path);
      delta.reused_bytes += file.size;
    } else {
      delta.removed += line_of(base->first, base->second);
      fresh.push_back(&each);
    }
    ++base;
  }
  for (; base != held.base.end(); ++base) delta.removed += line_of(base->first, base->second);
  return fresh;
}

Paths sums_of_large(const Manifest& manifest) {
  Paths sums;
  for (const auto& [path, file] : manifest) {
    if (file.size >= least_chunked) sums.insert(file.sha256);
  }
  return sums;
}

void add_patches(Delta& delta, const Held& held, const Manifest& next) {
  std::optional<ChunkIndex> index;
  for (const auto& [path, file] : next) {
    const auto chunks = held.chunks->find(file.sha256);
    if (file.size < least_chunked || delta.reused.contains(path) || chunks == held.chunks->end() ||
        held.unusable.contains(path))
      continue;
    if (!index) {
      index.emplace();
      for (const auto& [from, base] : held.base) {
        const auto known = held.chunks->find(base.sha256);
        if (base.size >= least_chunked && known != held.chunks->end() && !held.unusable.contains(from))
          index->add(from, known->second);
      }
    }
    Patch patch = index->patch_for(*chunks->second);
    if (patch.pieces.empty()) continue;
    delta.reused_bytes += file.size - patch.sent;
    delta.patched.emplace(path, std::move(patch));
  }
}

void add_chunks(Delta& delta, const Held& held, const Manifest& next) {
  const Paths before = sums_of_large(held.base);
  const Paths after = sums_of_large(next);
  for (const std::string& sum : before) {
    if (!after.contains(sum)) delta.chunks_gone += sum + '\n';
  }
  for (const std::string& sum : after) {
    const auto chunks = held.chunks->find(sum);
    if (!before.contains(sum) && chunks != held.chunks->end()) delta.chunks_added += chunks_line(sum, *chunks->second);
  }
  add_patches(delta, held, next);
}

}  // namespace

bool can_be_listed(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '\\'; });
}

std::string to_text(const Manifest& manifest) {
  std::string text;
  for (const auto& [path, file] : manifest) text += line_of(path, file);
  return text;
}

std::string digest_of(const Manifest& manifest) {
  Sha256 sum;
  for (const auto& [path, file] : manifest) sum.update(line_of(path, file));
  return sum.hex();
}

Result<Manifest> parse_manifest(std::string_view text) {
  Manifest manifest;
  while (!text.empty()) {
    const auto newline = text.find('\n');
    if (newline == std::string_view::npos) return std::unexpected(no_manifest("its last line is not complete"));
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline + 1);
    const auto tab = line.find('\t');
    const auto blank = line.find(' ', std::min(tab, line.size()));
    const auto second = line.find('\t', std::min(blank, line.size()));
    if (second == std::string_view::npos || !line.starts_with("./")) return std::unexpected(no_manifest("a line has too few parts"));
    const auto path = line.substr(2, tab - 2);
    FileSpec file;
    file.sha256 = line.substr(second + 1);
    if (!can_be_listed(path) || !is_inner_path(path) || !is_sha256(file.sha256) ||
        !read_number(line.substr(tab + 1, blank - tab - 1), file.mode, 8) || file.mode > 0777 ||
        !read_number(line.substr(blank + 1, second - blank - 1), file.size, 10)) {
      return std::unexpected(no_manifest("a line is none of ours"));
    }
    if (!manifest.empty() && manifest.rbegin()->first >= path) return std::unexpected(no_manifest("it is not in order"));
    manifest.emplace_hint(manifest.end(), path, std::move(file));
  }
  return manifest;
}

Delta delta_between(const Held& held, const Manifest& next) {
  Delta delta;
  const Fresh fresh = compare(delta, held, next);
  const Contents contents = contents_of(held, fresh);
  for (const auto* each : fresh) {
    const auto& [path, file] = *each;
    delta.added += line_of(path, file);
    const auto found = contents.find(file.sha256);
    if (found == contents.end()) continue;
    delta.moved.push_back({found->second, path, file.mode});
    delta.reused.insert(path);
    delta.reused_bytes += file.size;
  }
  if (held.chunks != nullptr) add_chunks(delta, held, next);
  return delta;
}

std::string moves_text(const Delta& delta) {
  std::string text;
  for (const auto& move : delta.moved) text += fmt::format("./{}\t./{}\t{:o}\n", move.from, move.to, move.mode);
  return text;
}

std::string patches_text(const Delta& delta, const Manifest& next) {
  std::string text;
  for (const auto& [path, patch] : delta.patched) {
    text += fmt::format("{}\t{:o}\t./{}\n", patch.pieces.size(), next.at(path).mode, path);
    for (const Piece& piece : patch.pieces)
      text += fmt::format("{}\t{}\t{}\n", piece.offset, piece.size, piece.from.empty() ? "=" : "./" + piece.from);
  }
  return text;
}

}  // namespace kirikae::release
