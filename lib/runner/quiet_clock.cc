#include "runner/quiet_clock.h"

#include <chrono>
#include <utility>

namespace kirikae::runner {

QuietClock::~QuietClock() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

int QuietClock::add(std::function<void()> tick) {
  const std::lock_guard lock(mutex_);
  ticks_.emplace(next_, std::move(tick));
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
  return next_++;
}

void QuietClock::remove(int key) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ticking_ != key; });
  ticks_.erase(key);
}

void QuietClock::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !ticks_.empty(); });
    changed_.wait_for(lock, std::chrono::milliseconds(250), [this] { return ending_; });
    if (ending_) return;
    // A tick may wait for a full queue of events: nobody else has to wait for it.
    for (auto at = ticks_.begin(); at != ticks_.end();) {
      const int key = ticking_ = at->first;
      const auto tick = at->second;
      lock.unlock();
      tick();
      lock.lock();
      ticking_ = -1;
      changed_.notify_all();
      at = ticks_.upper_bound(key);
    }
  }
}

}  // namespace kirikae::runner
