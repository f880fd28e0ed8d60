#include "ssh/login_slots.h"

#include <algorithm>

namespace kirikae::ssh {

std::uint64_t LoginSlots::take_ticket() {
  const std::scoped_lock lock(mutex_);
  return ++last_ticket_;
}

LoginSlots::Address& LoginSlots::address_of(const std::string& address) {
  return addresses_.try_emplace(address, Address{std::max(per_address_, 1), 0}).first->second;
}

bool LoginSlots::has_room(const std::string& address) {
  const auto& entry = address_of(address);
  return entry.used < entry.limit;
}

// Somebody who came earlier goes first, unless it is their address that has no room.
bool LoginSlots::may_go(const std::string& address, std::uint64_t ticket) {
  if (used_ >= std::max(total_, 1) || !has_room(address)) return false;
  return std::none_of(waiting_.begin(), waiting_.lower_bound(ticket),
                      [this](const auto& other) { return has_room(other.second); });
}

bool LoginSlots::busy(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  return used_ >= std::max(total_, 1) || !has_room(address);
}

std::size_t LoginSlots::waiting() {
  const std::scoped_lock lock(mutex_);
  return waiting_.size();
}

Result<LoginSlots::Slot> LoginSlots::acquire(const std::string& address, std::uint64_t ticket, const Wait& wait) {
  std::unique_lock lock(mutex_);
  waiting_[ticket] = address;
  const auto until = Deadline::Clock::now() + wait.deadline.left();
  const bool granted = changed_.wait_until(lock, wait.stop, until, [&] { return may_go(address, ticket); });
  waiting_.erase(ticket);
  if (!granted || wait.stop.stop_requested()) {
    changed_.notify_all();  // somebody may have waited for this one to go first
    return std::unexpected(Error(wait.stop.stop_requested() ? ErrorCode::cancelled : ErrorCode::timeout, {}));
  }
  ++used_;
  ++address_of(address).used;
  changed_.notify_all();
  return Slot(*this, address);
}

void LoginSlots::refused(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  auto& entry = address_of(address);
  entry.limit = std::max(entry.limit / 2, 1);
}

void LoginSlots::Slot::release() {
  if (slots_ == nullptr) return;
  {
    const std::scoped_lock lock(slots_->mutex_);
    --slots_->used_;
    --slots_->address_of(address_).used;
  }
  slots_->changed_.notify_all();
  slots_ = nullptr;
}

}  // namespace kirikae::ssh
