#include "core/deadline.h"

#include "support/catch.h"

namespace kirikae {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST_CASE("a deadline passes once its time has come, and what is left is never negative", "[core]") {
  const auto past = Deadline::in(nanoseconds(0));
  CHECK(past.passed());
  CHECK(past.left() == nanoseconds(0));
  CHECK(past.poll_milliseconds() == 0);
  const auto ago = Deadline::in(-hours(1));
  CHECK(ago.passed());
  CHECK(ago.left() == nanoseconds(0));
  const auto later = Deadline::in(hours(1));
  CHECK(!later.passed());
  CHECK(later.left() > milliseconds(3'590'000));
  CHECK(later.left() <= hours(1));
  CHECK(later.poll_milliseconds() > 3'590'000);
}

TEST_CASE("the last part of a millisecond is waited for, not spun through", "[core]") {
  const auto soon = Deadline::in(hours(1) - nanoseconds(1));
  CHECK(soon.poll_milliseconds() >= std::chrono::duration_cast<milliseconds>(soon.left()).count());
}

TEST_CASE("no deadline never passes, and its waits can be added up", "[core]") {
  const auto never = Deadline::never();
  CHECK(never.is_never());
  CHECK(!never.passed());
  CHECK(never.left() == hours(24));
  CHECK(never.poll_milliseconds() > 0);
  CHECK(Deadline::in(Deadline::Clock::duration::max()).is_never());
}

TEST_CASE("a deadline is only ever tightened", "[core]") {
  const auto early = Deadline::in(hours(1));
  const auto late = Deadline::in(hours(2));
  CHECK(late.tightened(early).left() <= hours(1));
  CHECK(early.tightened(late).left() <= hours(1));
  CHECK(!Deadline::never().tightened(early).is_never());
  CHECK(early.tightened(Deadline::never()).left() <= hours(1));
  CHECK(Deadline::never().tightened(Deadline::never()).is_never());
}

}  // namespace kirikae
