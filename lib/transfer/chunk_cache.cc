#include "transfer/chunk_cache.h"

#include "transfer/cache_file.h"

namespace kirikae::transfer {
namespace {

constexpr std::size_t most_lists = 2000;

}  // namespace

std::shared_ptr<const release::Chunks> ChunkCache::find(const std::string& sha256) const {
  const auto text = read_cache_file(folder_, sha256);
  if (!text) return nullptr;
  const auto lists = release::parse_chunks(*text);
  if (!lists || !lists->contains(sha256)) return nullptr;
  return lists->at(sha256);
}

void ChunkCache::keep(const std::string& sha256, const release::Chunks& chunks) const {
  write_cache_file(folder_, sha256, release::chunks_line(sha256, chunks));
}

void ChunkCache::prune() const { keep_newest(folder_, most_lists); }

}  // namespace kirikae::transfer
