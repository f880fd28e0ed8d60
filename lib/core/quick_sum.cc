#include "core/quick_sum.h"

#include <xxhash.h>

#include <new>

namespace kirikae {

void QuickSum::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

QuickSum::QuickSum() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

void QuickSum::update(std::string_view bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }

QuickSum::Value QuickSum::take() {
  const XXH128_hash_t sum = XXH3_128bits_digest(state_.get());
  XXH3_128bits_reset(state_.get());
  return {sum.high64, sum.low64};
}

}  // namespace kirikae
