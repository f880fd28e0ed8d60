// HeldMemory: what a libssh2 session has allocated. libssh2 keeps every message that nobody has asked for, as long as the session lives, and bounds
// that by nothing.
#pragma once

#include <cstddef>

namespace kirikae::ssh {

class HeldMemory {
 public:
  // As malloc(), but all zeros: libssh2 hands out what it was told the length of, though not all of it may have come. A piece as large as all that a
  // session may hold is refused: a host says how large it shall be.
  void* allocate(std::size_t size);
  void* reallocate(void* piece, std::size_t size);
  void release(void* piece);  // also what malloc() has given

  // Beyond what a session may hold, and `more`.
  [[nodiscard]] bool is_too_much(std::size_t more) const { return held_ > static_cast<std::ptrdiff_t>(most + more); }
  // Windows of several channels and what small packets add to them: nobody holds that much whose data is read as it comes.
  static constexpr std::size_t most = std::size_t{64} << 20U;

 private:
  std::ptrdiff_t held_ = 0;  // less than it is by what was allocated by others and released here
};

}  // namespace kirikae::ssh
