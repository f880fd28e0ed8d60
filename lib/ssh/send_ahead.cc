#include "ssh/send_ahead.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace kirikae::ssh {

bool SendAhead::may_send(std::uint64_t sent, std::size_t unconfirmed, Deadline::Clock::time_point now) {
  const std::uint64_t confirmed = sent - std::min<std::uint64_t>(unconfirmed, sent);
  held_up_ = held_up_ || unconfirmed >= limit_;
  if (confirmed >= end_ && !settled_) end_round(confirmed, now);
  return unconfirmed < limit_;
}

void SendAhead::end_round(std::uint64_t confirmed, Deadline::Clock::time_point now) {
  constexpr double helps = 1.5;  // that much faster, for twice as much on its way
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  // The host begins later than we do; and small payloads aren't worth the trial.
  constexpr int unjudged = 4;
  if (rounds_++ >= unjudged && held_up_ && seconds > 0) {
    const double rate = static_cast<double>(confirmed - begin_) / seconds;
    if (rate < helps * rate_) {
      limit_ /= 2;
      settled_ = true;
    } else {
      limit_ *= 2;
      settled_ = limit_ > std::numeric_limits<std::uint32_t>::max();  // as wide as a window can be
    }
    rate_ = rate;
  }
  begin_ = confirmed;
  end_ = confirmed + 2 * std::uint64_t{std::min<std::size_t>(limit_, std::numeric_limits<std::uint32_t>::max())};
  begun_ = now;
  held_up_ = false;
}

}  // namespace kirikae::ssh
