// What every run tries a part of: the shells of a host, the places where something breaks, the ways of breaking it. `tests/run --slow` tries
// all of it, also in tests that are not slow ones.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <vector>

namespace kirikae::test {

inline bool is_thorough() { return std::getenv("KIRIKAE_THOROUGH") != nullptr; }

// All, or the first of each `stride`.
template <class T>
std::vector<T> some_of(const std::vector<T>& all, std::size_t stride) {
  if (is_thorough()) return all;
  std::vector<T> some;
  for (std::size_t i = 0; i < all.size(); i += stride) some.push_back(all[i]);
  return some;
}

}  // namespace kirikae::test
