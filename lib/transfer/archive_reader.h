// The entries of an archive source, read by libarchive and judged: what passes can be unpacked anywhere without touching
// anything outside of the release.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <string>

#include "recipe/recipe.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

inline constexpr std::size_t most_archive_entries = 2'000'000;
// Of a zip's central directory, which takes libarchive up to four times as much memory.
inline constexpr std::uint64_t most_list_bytes = std::uint64_t{256} << 20;
// What all entries together may claim to have: more is a bomb, or a lie.
constexpr std::uint64_t most_unpacked_bytes(std::uint64_t archive) { return std::max(std::uint64_t{1} << 30, 200 * archive); }

// The archive's sha256, over the whole file, and only then its entries: tar (plain, gzip, bzip2, xz, zstd) or zip, their names
// without the first `strip` parts; those that have no more are left out. Hard links stay links. Errors: recipe (no such file, another sha256 than the recipe's, no archive, an entry that is refused: absolute or
// climbing name, link that leaves the tree, device or fifo, setuid or setgid file, name inside of something that is no directory, second entry of a
// name, more than most_archive_entries, or than most_unpacked_bytes), local (can't be read, changed meanwhile), cancelled.
Result<std::string> walk_archive(const recipe::ArchiveSource& source, const std::stop_token& stop, const Visit& visit);

}  // namespace kirikae::transfer
