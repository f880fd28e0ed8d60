// Chunks: a large file in pieces that are cut where its content says so, so that a change moves only the cuts near it; and how a file is put
// together from pieces of others.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace kirikae::release {

struct Chunk {
  std::uint32_t size = 0;
  std::uint64_t sum = 0;  // QuickSum::Value::low of it

  bool operator==(const Chunk&) const = default;
};
using Chunks = std::vector<Chunk>;
// Of the file that they are.
std::uint64_t size_of(const Chunks& chunks);
// By the file's SHA-256.
using ChunkLists = std::map<std::string, std::shared_ptr<const Chunks>, std::less<>>;

// Smaller files are sent whole.
inline constexpr std::uint64_t least_chunked = std::uint64_t{1} << 20;  // bytes

// One line a file, `SHA256<tab>SIZE:SUM SIZE:SUM …` in hex: the text that hosts keep.
std::string chunks_line(std::string_view sha256, const Chunks& chunks);
// Strict. Error (lost): it is no such text.
Result<ChunkLists> parse_chunks(std::string_view text);

struct Piece {
  std::string from;          // a file that the host has; empty: the bytes that were sent for the new file
  std::uint64_t offset = 0;  // in it
  std::uint64_t size = 0;
};
struct Patch {
  std::vector<Piece> pieces;  // of the new file, in its order
  std::uint64_t sent = 0;     // bytes
};

// Files whose chunks are known, and what of another file is in them.
class ChunkIndex {
 public:
  void add(std::string path, std::shared_ptr<const Chunks> chunks);
  // Without pieces: nothing of it is worth to be fetched.
  [[nodiscard]] Patch patch_for(const Chunks& next) const;

 private:
  struct File {
    std::string path;
    std::shared_ptr<const Chunks> chunks;
    std::vector<std::uint64_t> offsets;
  };
  using Place = std::pair<std::size_t, std::size_t>;  // a file, a chunk of it
  [[nodiscard]] const Chunk* at(const Place& place) const;

  std::vector<File> files_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Place> places_;  // the first of each
};

}  // namespace kirikae::release
