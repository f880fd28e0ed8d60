// Chunker: cuts a stream of bytes where its content says so (release/chunks.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/quick_sum.h"
#include "release/chunks.h"

namespace kirikae::transfer {

// Chunks of 2 to 32 KiB, 9 in the mean. Hosts keep what it says: another way to cut makes all of that useless, though never wrong.
class Chunker {
 public:
  void update(std::string_view bytes);
  release::Chunks finish();

 private:
  void cut();

  release::Chunks chunks_;
  std::uint64_t hash_ = 0;  // of the last 64 bytes
  std::size_t size_ = 0;    // of the chunk so far
  QuickSum sum_;            // likewise
};

}  // namespace kirikae::transfer
