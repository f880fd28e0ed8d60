#include "transfer/fair_share.h"

#include <algorithm>

namespace kirikae::transfer {
namespace {

// As SSH's packets and our buffers are; less where that would be much of a second's.
constexpr std::uint64_t largest_portion = 64 * 1024;
constexpr std::uint64_t smallest_portion = 256;

}  // namespace

FairShare::FairShare(std::uint64_t rate, Time now)
    : rate_(static_cast<double>(rate)), portion_(std::clamp(rate / 10, smallest_portion, largest_portion)),
      most_(std::max(static_cast<double>(portion_), rate_ / 10)), refilled_(now) {}

void FairShare::refill(Time now) {
  if (now <= refilled_) return;
  tokens_ = std::min(most_, tokens_ + rate_ * std::chrono::duration<double>(now - refilled_).count());
  refilled_ = now;
}

std::size_t FairShare::take(Id who, std::size_t most, Time now) {
  refill(now);
  if (const auto given = given_.find(who); given != given_.end()) {
    const auto size = std::min(most, given->second);
    given->second -= size;
    if (given->second == 0) given_.erase(given);
    return size;
  }
  // Whoever waits goes before one who comes now.
  if (line_.empty() && tokens_ >= static_cast<double>(std::min(most, portion_))) {
    const auto size = std::min(most, static_cast<std::size_t>(tokens_));
    tokens_ -= static_cast<double>(size);
    return size;
  }
  if (std::ranges::find(line_, who) == line_.end()) line_.push_back(who);
  return 0;
}

void FairShare::give_back(std::size_t bytes, Time now) {
  refill(now);
  tokens_ = std::min(most_, tokens_ + static_cast<double>(bytes));
}

void FairShare::leave(Id who, Time now) {
  std::erase(line_, who);
  const auto given = given_.find(who);
  if (given == given_.end()) return;
  give_back(given->second, now);
  given_.erase(given);
}

std::vector<FairShare::Id> FairShare::serve(Time now) {
  refill(now);
  std::vector<Id> served;
  for (; !line_.empty() && tokens_ >= static_cast<double>(portion_); line_.pop_front()) {
    tokens_ -= static_cast<double>(portion_);
    given_[line_.front()] = portion_;
    served.push_back(line_.front());
  }
  return served;
}

std::optional<FairShare::Time> FairShare::next() const {
  if (line_.empty()) return std::nullopt;
  const double missing = std::max(0.0, static_cast<double>(portion_) - tokens_);
  // Rounded up: a moment too early there would be nothing to give.
  return refilled_ + std::chrono::ceil<Time::duration>(std::chrono::duration<double>(missing / rate_)) + std::chrono::nanoseconds(1);
}

}  // namespace kirikae::transfer
