// QuietClock: one thread that tells all who keep something back when a moment has passed.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace kirikae::runner {

class QuietClock {
 public:
  QuietClock() = default;
  ~QuietClock();
  QuietClock(const QuietClock&) = delete;
  QuietClock& operator=(const QuietClock&) = delete;

  // `tick` is called about four times a second, one at a time, until remove() has returned. It must not call the clock. Returns the
  // key for remove().
  int add(std::function<void()> tick);
  void remove(int key);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::function<void()>> ticks_;
  int next_ = 0;
  int ticking_ = -1;  // whose tick is being called
  bool ending_ = false;
  std::thread thread_;  // from the first add() on
};

}  // namespace kirikae::runner
