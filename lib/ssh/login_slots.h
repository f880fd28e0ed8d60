// LoginSlots: how many logins may be under way at the same time, in total and at one address, since sshd drops connections
// that are too many (MaxStartups). Any thread. Whoever asks first is served first.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "core/error.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class LoginSlots {
 public:
  LoginSlots(int total, int per_address) : total_(total), per_address_(per_address) {}

  // A place in the queue; it keeps its order over several slots.
  std::uint64_t take_ticket();

  class Slot {
   public:
    Slot(LoginSlots& slots, std::string address) : slots_(&slots), address_(std::move(address)) {}
    Slot(Slot&& other) noexcept : slots_(other.slots_), address_(std::move(other.address_)) { other.slots_ = nullptr; }
    Slot& operator=(Slot&&) = delete;
    ~Slot() { release(); }
    void release();

   private:
    LoginSlots* slots_;
    std::string address_;
  };

  // Waits for its turn; `address` is one sshd. Errors: timeout, cancelled, both without a message.
  Result<Slot> acquire(const std::string& address, std::uint64_t ticket, const Wait& wait);
  // Whether acquire() would wait.
  [[nodiscard]] bool busy(const std::string& address);
  [[nodiscard]] std::size_t waiting();

  // The host has dropped a connection as one too many: from now on half as many at a time go there.
  void refused(const std::string& address);

 private:
  struct Address {
    int limit = 0;
    int used = 0;
  };
  Address& address_of(const std::string& address);
  [[nodiscard]] bool may_go(const std::string& address, std::uint64_t ticket);
  [[nodiscard]] bool has_room(const std::string& address);

  const int total_;
  const int per_address_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Address> addresses_;
  std::map<std::uint64_t, std::string> waiting_;  // ticket, address
  int used_ = 0;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace kirikae::ssh
