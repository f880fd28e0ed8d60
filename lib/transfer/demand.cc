#include "transfer/demand.h"

namespace kirikae::transfer {

Demand::Id Demand::join() {
  const std::lock_guard lock(mutex_);
  readers_.try_emplace(next_);
  return next_++;
}

void Demand::leave(Id reader) {
  const std::lock_guard lock(mutex_);
  readers_.erase(reader);
}

void Demand::note(Id reader, bool waits) {
  const std::lock_guard lock(mutex_);
  auto& each = readers_.at(reader);
  each.waits = waits;
  each.has_waited = each.has_waited || waits;
}

bool Demand::ran_dry() {
  const std::lock_guard lock(mutex_);
  bool all = !readers_.empty();
  for (auto& [id, reader] : readers_) {
    all = all && reader.has_waited;
    reader.has_waited = reader.waits;
  }
  return all;
}

}  // namespace kirikae::transfer
