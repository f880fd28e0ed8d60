#include "ui/meter.h"

namespace kirikae::ui {
namespace {

constexpr double window = 5;    // seconds: a rate that jumps tells nobody anything
constexpr double shortest = 1;  // below it's a guess
constexpr double grain = 0.1;

}  // namespace

void Meter::add(double at, std::uint64_t count) {
  if (marks_.empty() || at - marks_.back().at >= grain) marks_.push_back({at, count});
  latest_ = {at, count};
  while (marks_.size() > 2 && marks_[1].at <= at - window) marks_.pop_front();
}

std::optional<double> Meter::rate(double now) const {
  if (marks_.empty() || now - marks_.front().at < shortest) return std::nullopt;
  const Mark* base = &marks_.front();
  for (const Mark& mark : marks_) {
    if (mark.at <= now - window) base = &mark;
  }
  if (latest_.at <= now - window || latest_.count <= base->count) return 0;
  return static_cast<double>(latest_.count - base->count) / (now - base->at);
}

}  // namespace kirikae::ui
