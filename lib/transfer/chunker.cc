#include "transfer/chunker.h"

#include <algorithm>
#include <array>

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
    std::uint64_t hash = hash_;
    // The bytes up to a chunk's size of `to`, or to where the hash has zeros in all places of `cuts`.
    const auto look = [&](std::size_t to, std::uint64_t cuts) {
      const std::size_t end = to <= size_ ? 0 : std::min(bytes.size(), to - size_);
      while (taken < end) {
        hash = (hash << 1U) + gear[static_cast<unsigned char>(bytes[taken++])];
        if ((hash & cuts) == 0) return true;
      }
      return false;
    };
    // Where no cut may be, nothing need be looked at but the 64 bytes that the hash at the first place of one depends on.
    if (size_ + 64 < least) taken = std::min(bytes.size(), least - 64 - size_);
    while (size_ + taken + 1 < least && taken < bytes.size()) hash = (hash << 1U) + gear[static_cast<unsigned char>(bytes[taken++])];
    const bool at_cut = look(mean - 1, before_mean) || look(most, behind_mean);
    hash_ = hash;
    sum_.update(bytes.substr(0, taken));
    size_ += taken;
    bytes.remove_prefix(taken);
    if (at_cut || size_ == most) cut();
  }
}

void Chunker::cut() {
  chunks_.push_back({static_cast<std::uint32_t>(size_), sum_.take().low});
  hash_ = 0;
  size_ = 0;
}

release::Chunks Chunker::finish() {
  if (size_ != 0) cut();
  return std::move(chunks_);
}

}  // namespace kirikae::transfer
