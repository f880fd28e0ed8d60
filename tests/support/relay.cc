#include "support/relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <stdexcept>
#include <utility>
#include <vector>

namespace kirikae::test {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(const std::string& address, int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
    throw std::runtime_error("no IPv4 address: " + address);
  return name;
}

// Not below the largest segment on loopback: with less, TCP waits for its timers.
constexpr int small = 65536;

void set_small(int fd) {
  const int bytes = small;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

}  // namespace

struct Relay::Link {
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  struct Way {
    std::deque<Piece> queue;
    std::size_t queued = 0;
    bool ended = false;   // the sender said so
    bool passed = false;  // and the receiver has been told
  };
  ~Link() {  // a reset, not an orderly end, unless both sides had ended
    const bool orderly = way[0].passed && way[1].passed;
    const linger hard{1, 0};
    for (const auto& fd : side) {
      if (!orderly && fd.valid()) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
  }
  Fd side[2];  // client, server
  int last = -1;  // who spoke last
  Way way[2];     // up, down: way[i] goes from side[i] to side[1 - i]
  std::uint64_t allowed_down = no_limit;
  bool hold = false;  // then
  Clock::time_point last_byte = Clock::now();
  bool forgotten = false;
};

Relay::Relay(std::string address, int port, bool small_buffers)
    : address_(std::move(address)), target_port_(port), small_buffers_(small_buffers) {
  listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (small_buffers_) set_small(listener_.get());
  auto name = loopback("127.0.0.1", 0);
  socklen_t size = sizeof name;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), size) != 0 || ::listen(listener_.get(), 256) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw std::runtime_error("the relay can't listen");
  }
  port_ = ntohs(name.sin_port);
  thread_ = std::jthread([this] { run(); });
}

Relay::~Relay() {
  stop_ = true;
  waker_.wake();
  thread_.join();
}

void Relay::changed() { waker_.wake(); }

void Relay::delay(std::chrono::milliseconds each_way) { delay_ms_ = each_way.count(); }

void Relay::freeze() {
  frozen_[0] = frozen_[1] = true;
  changed();
}

void Relay::freeze_up() {
  frozen_[0] = true;
  changed();
}

void Relay::thaw() {
  frozen_[0] = frozen_[1] = false;
  changed();
}

void Relay::cut() {
  cut_ = true;
  changed();
}

void Relay::cut_after_up(std::uint64_t bytes) { allowed_[0] = total_[0] + bytes; }
void Relay::cut_after_down(std::uint64_t bytes) { allowed_[1] = total_[1] + bytes; }
void Relay::greet(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  greeting_ = text;
}

void Relay::hold_after_down(std::uint64_t bytes) {
  hold_ = true;
  cut_after_down(bytes);
}

void Relay::limit_next(int connections, std::uint64_t after_down, bool hold) {
  const std::scoped_lock lock(mutex_);
  limited_ = connections;
  limit_ = after_down;
  limit_holds_ = hold;
}

void Relay::cut_next(int connections, std::uint64_t after_down) { limit_next(connections, after_down, false); }
void Relay::hold_next(int connections, std::uint64_t after_down) { limit_next(connections, after_down, true); }

void Relay::forget_idle(std::chrono::milliseconds memory) {
  memory_ms_ = memory.count();
  changed();
}

std::string Relay::said() const {
  const std::scoped_lock lock(mutex_);
  return said_;
}

void Relay::refuse(int connections) { refuse_ = connections; }

void Relay::accept_one() {
  Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client.valid()) return;
  ++accepted_;
  if (refuse_ > 0) {
    --refuse_;
    return;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (!greeting_.empty()) {
      ::send(client.get(), greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
      ::shutdown(client.get(), SHUT_WR);
      greeted_.push_back(std::move(client));  // closing it now could reset what was just said
      return;
    }
  }
  auto link = std::make_unique<Link>();
  link->side[0] = std::move(client);
  link->side[1] = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  for (const auto& fd : link->side) {
    if (small_buffers_) set_small(fd.get());
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  const auto name = loopback(address_, target_port_);
  if (::connect(link->side[1].get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return;
  ::fcntl(link->side[1].get(), F_SETFL, O_NONBLOCK);
  {
    const std::scoped_lock lock(mutex_);
    said_.clear();
    if (limited_ > 0) {
      --limited_;
      link->allowed_down = limit_;
      link->hold = limit_holds_;
    }
  }
  links_.push_back(std::move(link));
  turns_ = 0;
  most_ = std::max(most_.load(), static_cast<int>(links_.size()));
}

std::uint64_t Relay::left(const Link& link, int way) const {
  const std::uint64_t of_all = allowed_[way] == no_limit ? no_limit : allowed_[way] - std::min(allowed_[way].load(), total_[way].load());
  return way == 1 ? std::min(of_all, link.allowed_down) : of_all;
}

bool Relay::holds(const Link& link, int way) const { return (hold_ || link.hold) && left(link, way) == 0; }

void Relay::note_down(Link& link, std::string_view bytes) {
  constexpr std::size_t most = 16384;
  if (link.allowed_down != no_limit) link.allowed_down -= bytes.size();
  const std::scoped_lock lock(mutex_);
  if (links_.back().get() == &link) said_ += bytes.substr(0, most - std::min(most, said_.size()));
}

// What comes for such a one goes nowhere, and that one side has closed it neither.
bool Relay::is_forgotten(Link& link) {
  const std::int64_t memory = memory_ms_;
  if (!link.forgotten && memory > 0 && Clock::now() - link.last_byte >= std::chrono::milliseconds(memory)) {
    link.forgotten = true;
    ++forgotten_;
  }
  return link.forgotten;
}

bool Relay::move(Link& link) {
  const std::size_t room = small_buffers_ ? small : 262144;
  const auto due = Clock::now() + std::chrono::milliseconds(delay_ms_);
  char buffer[65536];
  const bool forgotten = is_forgotten(link);
  for (int i = 0; i < 2; ++i) {
    auto& way = link.way[i];
    if (forgotten) {
      ssize_t n = 1;
      while (!way.ended && n > 0) n = ::recv(link.side[i].get(), buffer, sizeof buffer, 0);
      if (n == 0 || (n < 0 && errno != EAGAIN)) way.ended = true;
      continue;
    }
    if (frozen_[i]) continue;
    while (!way.ended && way.queued < room) {
      const ssize_t n = ::recv(link.side[i].get(), buffer, std::min(sizeof buffer, room), 0);
      if (n < 0 && errno != EAGAIN) return false;
      if (n < 0) break;
      if (n == 0) way.ended = true;
      link.last_byte = Clock::now();
      if (n > 0 && std::exchange(link.last, i) != i && links_.back().get() == &link) ++turns_;
      way.queue.push_back({due, std::string(buffer, static_cast<std::size_t>(n))});
      way.queued += static_cast<std::size_t>(n);
    }
    while (!way.queue.empty() && way.queue.front().due <= Clock::now()) {
      auto& piece = way.queue.front();
      if (piece.bytes.empty()) {
        ::shutdown(link.side[1 - i].get(), SHUT_WR);
        way.passed = true;
        way.queue.pop_front();
        continue;
      }
      const std::uint64_t room_left = left(link, i);
      if (room_left == 0) {
        if (holds(link, i)) break;
        return false;
      }
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(piece.bytes.size(), room_left));
      const ssize_t n = ::send(link.side[1 - i].get(), piece.bytes.data(), size, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      if (n < 0) break;
      total_[i] += static_cast<std::uint64_t>(n);
      if (i == 1) note_down(link, std::string_view(piece.bytes).substr(0, static_cast<std::size_t>(n)));
      way.queued -= static_cast<std::size_t>(n);
      piece.bytes.erase(0, static_cast<std::size_t>(n));
      if (piece.bytes.empty()) way.queue.pop_front();
    }
  }
  return forgotten ? !(link.way[0].ended && link.way[1].ended) : !(link.way[0].passed && link.way[1].passed);
}

int Relay::poll_timeout() const {
  auto next = Clock::now() + std::chrono::seconds(10);
  for (const auto& link : links_) {
    if (memory_ms_ > 0 && !link->forgotten) next = std::min(next, link->last_byte + std::chrono::milliseconds(memory_ms_));
    for (int i = 0; i < 2; ++i) {
      if (!frozen_[i] && !link->forgotten && !holds(*link, i) && !link->way[i].queue.empty()) next = std::min(next, link->way[i].queue.front().due);
    }
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(wait, 0));
}

void Relay::run() {
  const std::size_t room = small_buffers_ ? small : 262144;
  while (!stop_) {
    std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}, {waker_.fd(), POLLIN, 0}};
    bool blocked = false;
    for (const auto& link : links_) {
      for (int side = 0; side < 2; ++side) {
        short events = 0;
        const auto& from = link->way[side];    // what this side sends
        const auto& to = link->way[1 - side];  // what it is sent
        if ((!frozen_[side] || link->forgotten) && !from.ended && from.queued < room) events |= POLLIN;
        if (!frozen_[1 - side] && !link->forgotten && !holds(*link, 1 - side) && !to.queue.empty() && to.queue.front().due <= Clock::now()) {
          events |= POLLOUT;
          blocked = true;
        }
        polled.push_back({events != 0 ? link->side[side].get() : -1, events, 0});
      }
    }
    ::poll(polled.data(), polled.size(), blocked ? 1000 : poll_timeout());
    waker_.clear();
    if (cut_.exchange(false)) links_.clear();
    accept_one();
    links_.remove_if([this](const auto& link) { return !move(*link); });
  }
}

}  // namespace kirikae::test
