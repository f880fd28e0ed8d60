// Waker: lets any thread end another thread's poll(2). An eventfd that stays readable until it is cleared.
#pragma once

#include "core/fd.h"

namespace kirikae {

class Waker {
 public:
  Waker();
  // Any thread. Signals are sticky: a wake before the poll is not lost.
  void wake() const;
  // The owner, after its poll returned and before it looks at what the wake was about.
  void clear() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

}  // namespace kirikae
