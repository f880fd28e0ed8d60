#include "release/chunks.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/digest.h"

namespace kirikae::release {
namespace {

// A piece costs the host a process, and so does what is sent between two pieces.
constexpr std::uint64_t least_piece = 16 * 1024;

Error no_chunks() { return {ErrorCode::lost, "the host's list of a file's chunks makes no sense"}; }

template <class Number>
bool read_hex(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return error == std::errc() && end == text.data() + text.size();
}

// Takes the text up to `end` from the front of `text`, and `end` itself; all of it where there is none.
std::string_view take_up_to(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

std::optional<Chunks> parse_line(std::string_view line) {
  Chunks chunks;
  while (!line.empty()) {
    std::string_view word = take_up_to(line, ' ');
    Chunk chunk;
    if (!read_hex(take_up_to(word, ':'), chunk.size) || chunk.size == 0 || word.size() != 16 || !read_hex(word, chunk.sum))
      return std::nullopt;
    chunks.push_back(chunk);
  }
  return chunks;
}

// Puts a piece behind the others, as a part of the last one where it goes on there.
void append(std::vector<Piece>& pieces, Piece piece) {
  if (!pieces.empty() && pieces.back().from == piece.from &&
      pieces.back().offset + pieces.back().size == piece.offset) {
    pieces.back().size += piece.size;
  } else {
    pieces.push_back(std::move(piece));
  }
}

}  // namespace

std::uint64_t size_of(const Chunks& chunks) {
  std::uint64_t size = 0;
  for (const Chunk& chunk : chunks) size += chunk.size;
  return size;
}

std::string chunks_line(std::string_view sha256, const Chunks& chunks) {
  std::string line(sha256);
  char before = '\t';
  for (const Chunk& chunk : chunks) {
    line += fmt::format("{}{:x}:{:016x}", before, chunk.size, chunk.sum);
    before = ' ';
  }
  return line + '\n';
}

Result<ChunkLists> parse_chunks(std::string_view text) {
  ChunkLists lists;
  while (!text.empty()) {
    if (text.find('\n') == std::string_view::npos) return std::unexpected(no_chunks());
    std::string_view line = take_up_to(text, '\n');
    const std::string_view sha256 = take_up_to(line, '\t');
    auto chunks = parse_line(line);
    if (!is_sha256(sha256) || !chunks || chunks->empty()) return std::unexpected(no_chunks());
    lists[std::string(sha256)] = std::make_shared<const Chunks>(*std::move(chunks));
  }
  return lists;
}

void ChunkIndex::add(std::string path, std::shared_ptr<const Chunks> chunks) {
  File file{std::move(path), std::move(chunks), {}};
  std::uint64_t offset = 0;
  for (const Chunk& chunk : *file.chunks) {
    places_.try_emplace({chunk.sum, chunk.size}, files_.size(), file.offsets.size());
    file.offsets.push_back(offset);
    offset += chunk.size;
  }
  files_.push_back(std::move(file));
}

const Chunk* ChunkIndex::at(const Place& place) const {
  const Chunks& chunks = *files_[place.first].chunks;
  return place.second < chunks.size() ? &chunks[place.second] : nullptr;
}

Patch ChunkIndex::patch_for(const Chunks& next) const {
  std::vector<Piece> found;  // `from` and all between
  std::optional<Place> place;
  for (const Chunk& chunk : next) {
    if (place) ++place->second;
    if (const Chunk* following = place ? at(*place) : nullptr; following == nullptr || *following != chunk) {
      const auto first = places_.find({chunk.sum, chunk.size});
      place = first == places_.end() ? std::nullopt : std::optional(first->second);
    }
    append(found, place ? Piece{files_[place->first].path, files_[place->first].offsets[place->second], chunk.size}
                        : Piece{{}, found.empty() || !found.back().from.empty() ? 0 : found.back().size, chunk.size});
  }
  Patch patch;
  bool fetches = false;
  for (Piece& piece : found) {
    if (piece.size < least_piece) piece.from.clear();
    if (piece.from.empty()) {
      piece.offset = patch.sent;
      patch.sent += piece.size;
    } else {
      fetches = true;
    }
    append(patch.pieces, std::move(piece));
  }
  if (!fetches) return {};
  return patch;
}

}  // namespace kirikae::release
