#pragma once

#include <cstddef>
#include <string>

namespace kirikae::test {

// Bytes without pattern, which no packing makes smaller; the same for the same seed.
inline std::string noise(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24U);
  return bytes;
}

}  // namespace kirikae::test
