// Deadline: an absolute point of the steady clock that every wait is given; it is only ever tightened.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace kirikae {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline never() { return Deadline(Clock::time_point::max()); }
  static Deadline in(Clock::duration from_now) {
    const auto now = Clock::now();
    return from_now >= Clock::time_point::max() - now ? never() : Deadline(now + from_now);
  }

  [[nodiscard]] Deadline tightened(Deadline other) const { return Deadline(std::min(at_, other.at_)); }
  [[nodiscard]] bool is_never() const { return at_ == Clock::time_point::max(); }
  [[nodiscard]] bool passed() const { return Clock::now() >= at_; }

  // What is left, never negative; a day where there is no end, so that sums can't overflow.
  [[nodiscard]] Clock::duration left() const {
    if (is_never()) return std::chrono::hours(24);
    return std::max(Clock::duration::zero(), at_ - Clock::now());
  }
  // For poll(2): milliseconds, rounded up so that a loop doesn't spin in the last one.
  [[nodiscard]] int poll_milliseconds() const {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left()).count();
    return static_cast<int>(std::min<std::int64_t>(milliseconds, std::numeric_limits<int>::max()));
  }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace kirikae
