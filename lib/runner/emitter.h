// Emitter: stamps events with the seconds since the run began and hands them on.
#pragma once

#include <chrono>
#include <utility>

#include "event/event.h"

namespace kirikae::runner {

class Emitter {
 public:
  explicit Emitter(event::Sink& sink) : sink_(sink) {}

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void operator()(event::Any what) const { sink_.emit({seconds(), std::move(what)}); }

 private:
  event::Sink& sink_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace kirikae::runner
