// Meter: how fast something goes, over the last few seconds.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace kirikae::ui {

class Meter {
 public:
  // `count` so far, at that time (seconds, never less than before).
  void add(double at, std::uint64_t count);
  void clear() { marks_.clear(); }
  // Per second. None: not enough is known yet.
  [[nodiscard]] std::optional<double> rate(double now) const;

 private:
  struct Mark {
    double at;
    std::uint64_t count;
  };
  std::deque<Mark> marks_;
  Mark latest_{0, 0};
};

}  // namespace kirikae::ui
