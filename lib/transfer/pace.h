// Pace: which blocks of a stream are compressed, where its readers may be faster than the compressor. Pure, and without a clock: whether
// they have to wait for it says who is faster.
#pragma once

#include <cstddef>

namespace kirikae::transfer {

class Pace {
 public:
  Pace();
  // Whether to compress the next block, of those that can be. `dry`: since the last call every reader has waited for bytes.
  bool compress_next(bool dry);

 private:
  std::size_t compressed_ = 0;  // in a row
  std::size_t patience_ = 32;   // so many of them before a portion goes uncompressed
  std::size_t portion_;         // how many go then
  std::size_t to_store_ = 0;    // of the portion that has begun
  bool trying_ = false;         // how soon the last portion is used up is not known yet
};

}  // namespace kirikae::transfer
