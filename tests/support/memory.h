// What a program may need: a limit for the program as it is shipped. Sanitizers have shadows, and keep what is freed, so none holds with them.
#pragma once

#include <limits>

namespace kirikae::test {

constexpr long memory_limit([[maybe_unused]] long kilobytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::numeric_limits<long>::max();
#else
  return kilobytes;
#endif
}

}  // namespace kirikae::test
