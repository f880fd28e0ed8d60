// Signals: turns SIGINT, SIGTERM and SIGHUP into a stop request. The first asks; the second ends the program on the
// spot.
#pragma once

#include <stop_token>
#include <thread>

#include "core/fd.h"
#include "core/waker.h"

namespace kirikae::cmd {

class Signals {
 public:
  // Before any other thread is started: they inherit what is blocked. SIGPIPE is ignored from here on.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  Signals(Signals&&) = delete;
  Signals& operator=(Signals&&) = delete;

  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

 private:
  void watch();

  std::stop_source stop_;
  Fd fd_;
  Waker end_;
  std::jthread thread_;
};

}  // namespace kirikae::cmd
