// SendAhead: how much of a payload is on its way at most. Pure: it is told what has happened, and when.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/deadline.h"

namespace kirikae::ssh {

// It begins with a limit that is right for the line as the kernel sees it. Where that is only the line to a relay or a forwarded port, the host
// itself is farther away, and more gets there the more is on its way: so the limit is doubled as long as that helps.
class SendAhead {
 public:
  explicit SendAhead(std::size_t limit) : limit_(limit) {}

  // Whether more may be sent, where `unconfirmed` of the `sent` bytes are on their way.
  bool may_send(std::uint64_t sent, std::size_t unconfirmed, Deadline::Clock::time_point now);
  [[nodiscard]] std::size_t limit() const { return limit_; }

 private:
  void end_round(std::uint64_t confirmed, Deadline::Clock::time_point now);

  std::size_t limit_;
  // A round is twice the limit's bytes that are confirmed.
  std::uint64_t begin_ = 0, end_ = 0;
  Deadline::Clock::time_point begun_;
  bool held_up_ = false;   // in it, by the limit
  int rounds_ = 0;         // that were
  double rate_ = 0;        // bytes per second in the last one that counts; 0: there was none
  bool settled_ = false;
};

}  // namespace kirikae::ssh
