// How much of a payload is on its way, on lines that are made up: no clock, no network.
#include "ssh/send_ahead.h"

#include <chrono>

#include "support/catch.h"

namespace kirikae {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t first = 256 * 1024;

// The limit after `megabytes` on a line that confirms what is on its way, at most `window`, after `round_trip`, or as the host takes it.
std::size_t limit_after(int megabytes, std::chrono::microseconds round_trip, double bytes_per_second, std::size_t window) {
  ssh::SendAhead ahead(first);
  Deadline::Clock::time_point now{};
  std::uint64_t sent = 0;
  std::size_t unconfirmed = 0;
  while (sent < static_cast<std::uint64_t>(megabytes) * 1'000'000) {
    while (unconfirmed < window && ahead.may_send(sent, unconfirmed, now)) {
      sent += 32 * 1024;
      unconfirmed += 32 * 1024;
    }
    const auto taken = std::chrono::duration_cast<Deadline::Clock::duration>(std::chrono::duration<double>(static_cast<double>(unconfirmed) / bytes_per_second));
    now += std::max<Deadline::Clock::duration>(round_trip, taken);
    unconfirmed = 0;
  }
  return ahead.limit();
}

}  // namespace

TEST_CASE("what more on its way doesn't bring there faster stays as it is") {
  CHECK(limit_after(100, 100us, 50e6, 2'000'000) == first);
  CHECK(limit_after(100, 100us, 1e9, 2'000'000) == first);
}

TEST_CASE("a host that is farther away than its line looks gets all that its window has room for") {
  CHECK(limit_after(100, 100ms, 100e6, 2'000'000) >= 2'000'000);
}

TEST_CASE("a small payload is no reason to try") {
  CHECK(limit_after(2, 100ms, 100e6, 2'000'000) == first);
}

TEST_CASE("where the limit holds nobody up, it doesn't grow") {
  ssh::SendAhead ahead(first);
  Deadline::Clock::time_point now{};
  for (std::uint64_t sent = 0; sent < 100'000'000; sent += 32 * 1024) {
    CHECK(ahead.may_send(sent, 32 * 1024, now));
    now += 1ms;
  }
  CHECK(ahead.limit() == first);
}

}  // namespace kirikae
