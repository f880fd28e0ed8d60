#include "transfer/chunker.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kirikae::transfer {
namespace {

constexpr std::size_t least = 2 * 1024, mean = 8 * 1024, most = 32 * 1024;
// A cut is where the hash has zeros in all these places: in more of them before the mean size, in fewer behind it, so that sizes are
// closer to it. High places, since those depend on all of the last 64 bytes.
constexpr std::uint64_t before_mean = std::uint64_t{0x7fff} << 49U, behind_mean = std::uint64_t{0x7ff} << 53U;

// A number for each value of a byte, without pattern: the splitmix64 generator's first 256.
constexpr std::array<std::uint64_t, 256> gear = [] {
  std::array<std::uint64_t, 256> numbers{};
  std::uint64_t state = 0;
  for (auto& number : numbers) {
    state += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
    number = mixed ^ (mixed >> 31U);
  }
  return numbers;
}();

}  // namespace

void Chunker::update(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t taken = 0;
    bool at_cut = false;
    // Where no cut may be, nothing need be looked at but the 64 bytes that the hash at the first place of one depends on.
    if (size_ + 64 < least) taken = std::min(bytes.size(), least - 64 - size_);
    const std::size_t end = std::min(bytes.size(), most - size_);
    while (taken < end && !at_cut) {
      hash_ = (hash_ << 1U) + gear[static_cast<unsigned char>(bytes[taken++])];
      const std::size_t size = size_ + taken;
      at_cut = size >= least && (hash_ & (size < mean ? before_mean : behind_mean)) == 0;
    }
    sum_.update(bytes.substr(0, taken));
    size_ += taken;
    bytes.remove_prefix(taken);
    if (at_cut || size_ == most) cut();
  }
}

void Chunker::cut() {
  const std::string digits = sum_.hex().substr(0, 16);
  release::Chunk chunk{static_cast<std::uint32_t>(size_), 0};
  std::from_chars(digits.data(), digits.data() + digits.size(), chunk.sum, 16);
  chunks_.push_back(chunk);
  sum_ = Sha256();
  hash_ = 0;
  size_ = 0;
}

release::Chunks Chunker::finish() {
  if (size_ != 0) cut();
  return std::move(chunks_);
}

}  // namespace kirikae::transfer
