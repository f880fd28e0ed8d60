// Refusals: connections that a host has closed before the login, one after the other, as sshd does that has too many of them.
#pragma once

#include <string>

#include "core/deadline.h"
#include "core/error.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class Refusals {
 public:
  void add(const std::string& reason);
  [[nodiscard]] bool any() const { return count_ > 0; }
  // A busy host may refuse for a while after the last login has gone through; then it counts as its answer.
  [[nodiscard]] bool are_enough() const;
  // Before the next try; longer from try to try. False: asked to stop, or the deadline passed first.
  [[nodiscard]] bool pause(const Wait& wait) const;
  [[nodiscard]] Error error(const Target& target) const;

 private:
  int count_ = 0;
  std::string why_;
  Deadline::Clock::time_point first_{};
};

}  // namespace kirikae::ssh
