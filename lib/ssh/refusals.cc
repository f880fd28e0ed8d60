#include "ssh/refusals.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "core/waker.h"
#include "ssh/socket.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

// Both have to be passed.
constexpr int refusals_limit = 8;
constexpr std::chrono::seconds refusing_limit{30};
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{5000};

// Doubles from try to try, with a random part, so that those who were refused together don't come back together.
milliseconds pause_after(int tries) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto longest = std::min(longest_pause, first_pause * (1 << std::min(tries - 1, 10)));
  return milliseconds(std::uniform_int_distribution<std::int64_t>(longest.count() / 2, longest.count() * 3 / 2)(random));
}

}  // namespace

void Refusals::add(const std::string& reason) {
  if (count_++ == 0) first_ = Deadline::Clock::now();
  why_ = reason;
}

bool Refusals::are_enough() const { return count_ >= refusals_limit && Deadline::Clock::now() - first_ >= refusing_limit; }

bool Refusals::pause(const Wait& wait) const {
  Waker stopped;
  const StopWakes wakes(wait.stop, stopped);
  pollfd polled{stopped.fd(), POLLIN, 0};
  ::poll(&polled, 1, Deadline::in(pause_after(count_)).tightened(wait.deadline).poll_milliseconds());
  return !wait.stop.stop_requested() && !wait.deadline.passed();
}

Error Refusals::error(const Target& target) const {
  const double seconds = std::chrono::duration<double>(Deadline::Clock::now() - first_).count();
  const std::string tries = count_ == 1 ? "1 try" : fmt::format("{} tries in {:.0f} s", count_, seconds);
  return Error(ErrorCode::connect, fmt::format("{} closes connections before the login ({}): {}", place_of(target), tries, why_),
               "raise MaxStartups in the host's sshd_config, or lower 'parallel' under 'ssh' in the recipe; or this port is no SSH "
               "server's, or the host refuses this machine: " +
                   ssh_command(target))
      .on(target.name);
}

}  // namespace kirikae::ssh
