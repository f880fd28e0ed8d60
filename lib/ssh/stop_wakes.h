// StopWakes: while it lives, a request to stop wakes a poll. It has to go before the Waker does.
#pragma once

#include <functional>
#include <stop_token>

#include "core/waker.h"

namespace kirikae::ssh {

class StopWakes {
 public:
  StopWakes(const std::stop_token& stop, const Waker& waker) : callback_(stop, Wake{&waker}) {}

 private:
  struct Wake {
    const Waker* waker;
    void operator()() const { waker->wake(); }
  };
  std::stop_callback<Wake> callback_;
};

}  // namespace kirikae::ssh
