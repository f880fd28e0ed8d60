// FairShare: how many bytes each of many senders may send, so that all together keep to one rate. It has no clock of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace kirikae::transfer {

// Who asks in vain waits in line, and is given a portion when its turn comes: those who ask all the time get equal shares. Who is slow by
// itself isn't in line meanwhile, and takes nothing from the others but the one portion that it may have been given.
class FairShare {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Id = std::uint64_t;

  // `rate`: bytes per second, not 0. In any time no more than that goes, and a tenth of a second's (or one portion's) besides.
  FairShare(std::uint64_t rate, Time now);

  // How many bytes, `most` at most, `who` may send now; with 0 it is in line.
  std::size_t take(Id who, std::size_t most, Time now);
  // Of what take() has given, this was not sent.
  void give_back(std::size_t bytes, Time now);
  // `who` sends nothing more: its place and what it was given and hasn't taken are the others'.
  void leave(Id who, Time now);

  // Gives portions to those at the head of the line; they may take() now.
  std::vector<Id> serve(Time now);
  // When there is a portion for the head of the line; none: nobody waits.
  [[nodiscard]] std::optional<Time> next() const;

 private:
  void refill(Time now);

  const double rate_;
  const std::size_t portion_;
  const double most_;  // that is kept for later
  double tokens_ = 0;
  Time refilled_;
  std::deque<Id> line_;
  std::map<Id, std::size_t> given_;
};

}  // namespace kirikae::transfer
