// Relay: a byte relay between a client and a server on loopback, in a thread of its own, for faults of the network.
//
//   Relay relay(sshd.address(), sshd.port());
//   connect to 127.0.0.1:relay.port() instead of the server, then for instance
//   relay.delay(50ms);              // each way, from now on
//   relay.freeze();                 // nothing passes any more, connections stay open (a dropped network); thaw() goes on
//   relay.cut_after_up(100'000);    // a reset of both ends once so many more bytes have gone to the server
//   relay.hold_after_down(2'000);   // nothing more passes to the client once so many more bytes have gone there
//   relay.cut();                    // a reset of all connections now; new ones are taken
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
  void refuse(int connections);
  void greet(const std::string& text);

  [[nodiscard]] std::uint64_t bytes_up() const { return total_[0]; }  // to the server
  [[nodiscard]] std::uint64_t bytes_down() const { return total_[1]; }
  [[nodiscard]] int connections() const { return accepted_; }  // ever, refused ones too
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
  std::mutex mutex_;
  std::string greeting_;  // under mutex_
  std::atomic<int> refuse_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> most_ = 0;
  std::atomic<int> turns_ = 0;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace kirikae::test
