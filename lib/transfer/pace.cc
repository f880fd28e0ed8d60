#include "transfer/pace.h"

#include <algorithm>

namespace kirikae::transfer {
namespace {

// A portion is sent while the next blocks are compressed. Where it is gone before twice as many are, to send a block takes less than the
// compressor's time for two, and it pays to go on: neither the line nor the compressor is idle. Elsewhere the portion was a loss.
constexpr std::size_t first_portion = 1;
constexpr std::size_t most_pieces = 16;
constexpr std::size_t longest_patience = 1024;

}  // namespace

Pace::Pace() : portion_(first_portion) {}

bool Pace::compress_next(bool dry) {
  if (to_store_ > 0) {
    --to_store_;
    return false;
  }
  if (dry && compressed_ > 0 && (trying_ || compressed_ >= patience_)) {
    if (trying_ && compressed_ == 1) portion_ = std::min(2 * portion_, most_pieces);
    trying_ = true;
    compressed_ = 0;
    to_store_ = portion_ - 1;
    return false;
  }
  if (trying_ && compressed_ == 2 * portion_) {
    trying_ = false;
    portion_ = first_portion;
    patience_ = std::min(2 * patience_, longest_patience);
  }
  ++compressed_;
  return true;
}

}  // namespace kirikae::transfer
