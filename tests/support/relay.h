// Relay: a byte relay between a client and a server on loopback, in a thread of its own, for faults of the network.
//
//   Relay relay(sshd.address(), sshd.port());
//   connect to 127.0.0.1:relay.port() instead of the server, then for instance
//   relay.delay(50ms);              // each way, from now on
//   relay.freeze();                 // nothing passes any more, connections stay open (a dropped network); thaw() goes on
//   relay.cut_after_up(100'000);    // a reset of both ends once so many more bytes have gone to the server
//   relay.hold_after_down(2'000);   // nothing more passes to the client once so many more bytes have gone there
//   relay.cut();                    // a reset of all connections now; new ones are taken
//   relay.cut_next(2, 100);         // a reset of each of the next two connections once 100 bytes of it have gone to the client
//   relay.hold_next(2, 100);        // likewise, but nothing more passes to the client
//   relay.forget_idle(5s);          // a NAT: what has carried no byte for so long is never told anything again, and doesn't learn of it
//   relay.refuse(3);                // the next three connections are accepted and closed at once (sshd's MaxStartups)
//   relay.greet("SSH-1.5-x\r\n");   // connections from now on are told this, closed, and never reach the server
//
// All functions may be called from any thread at any time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/fd.h"
#include "core/waker.h"

namespace kirikae::test {

class Relay {
 public:
  // small_buffers: 64 KB per connection instead of the system's choice, so that senders soon have to wait.
  Relay(std::string address, int port, bool small_buffers = false);
  ~Relay();

  [[nodiscard]] int port() const { return port_; }

  void delay(std::chrono::milliseconds each_way);
  void freeze();     // both directions
  void freeze_up();  // client to server only
  void thaw();
  void cut();
  void cut_after_up(std::uint64_t bytes);
  void cut_after_down(std::uint64_t bytes);
  void hold_after_down(std::uint64_t bytes);
  void cut_next(int connections, std::uint64_t after_down);
  void hold_next(int connections, std::uint64_t after_down);
  void forget_idle(std::chrono::milliseconds memory);  // zero: no more of them
  void refuse(int connections);
  void greet(const std::string& text);

  [[nodiscard]] std::uint64_t bytes_up() const { return total_[0]; }  // to the server
  [[nodiscard]] std::uint64_t bytes_down() const { return total_[1]; }
  [[nodiscard]] int connections() const { return accepted_; }  // ever, refused ones too
  [[nodiscard]] int forgotten() const { return forgotten_; }
  [[nodiscard]] std::string said() const;  // the first that went to the client of the newest connection, 16 KB at most
  [[nodiscard]] int most_at_once() const { return most_; }
  // Of the newest connection: how often the bytes have changed their direction. Two turns are a round trip that somebody waited
  // for, if the delay is longer than anything takes at both ends.
  [[nodiscard]] int turns() const { return turns_; }

 private:
  struct Link;
  static constexpr std::uint64_t no_limit = UINT64_MAX;

  void run();
  void accept_one();
  bool move(Link& link);  // false: it is over
  void limit_next(int connections, std::uint64_t after_down, bool hold);
  [[nodiscard]] std::uint64_t left(const Link& link, int way) const;  // bytes that may still pass
  [[nodiscard]] bool holds(const Link& link, int way) const;
  [[nodiscard]] bool is_forgotten(Link& link);
  void note_down(Link& link, std::string_view bytes);
  int poll_timeout() const;
  void changed();

  std::string address_;
  int target_port_;
  bool small_buffers_;
  int port_ = 0;
  Fd listener_;
  Waker waker_;
  std::list<std::unique_ptr<Link>> links_;
  std::list<Fd> greeted_;

  std::atomic<std::int64_t> delay_ms_ = 0;
  std::atomic<bool> frozen_[2] = {false, false};
  std::atomic<std::uint64_t> allowed_[2] = {no_limit, no_limit};
  std::atomic<bool> hold_ = false;  // where nothing more is allowed: wait instead of cutting
  std::atomic<std::uint64_t> total_[2] = {0, 0};
  std::atomic<std::int64_t> memory_ms_ = 0;
  std::atomic<int> forgotten_ = 0;
  mutable std::mutex mutex_;
  // Under mutex_:
  std::string greeting_;
  std::string said_;
  int limited_ = 0;  // connections to come
  std::uint64_t limit_ = no_limit;
  bool limit_holds_ = false;
  std::atomic<int> refuse_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> most_ = 0;
  std::atomic<int> turns_ = 0;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace kirikae::test
