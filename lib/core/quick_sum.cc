#include "core/quick_sum.h"

#include <xxhash.h>

#include <new>

namespace kirikae {

struct QuickSum::State {
  XXH3_state_t* xxh3 = XXH3_createState();
  State() {
    if (xxh3 == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(xxh3);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() { XXH3_freeState(xxh3); }
};

QuickSum::QuickSum() : state_(std::make_unique<State>()) {}
QuickSum::~QuickSum() = default;
QuickSum::QuickSum(QuickSum&&) noexcept = default;
QuickSum& QuickSum::operator=(QuickSum&&) noexcept = default;

void QuickSum::update(std::string_view bytes) { XXH3_128bits_update(state_->xxh3, bytes.data(), bytes.size()); }

QuickSum::Value QuickSum::take() {
  const XXH128_hash_t sum = XXH3_128bits_digest(state_->xxh3);
  XXH3_128bits_reset(state_->xxh3);
  return {sum.high64, sum.low64};
}

}  // namespace kirikae
