#include "ssh/jump_round.h"

#include <libssh2.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ssh/libssh2_patches.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr unsigned tunnel_window = 1024 * 1024;  // what a host may send before we have read it
constexpr unsigned tunnel_packet = 32'768;

// RFC 4254, section 7.2.
std::string direct_tcpip(const Target& target) {
  std::string message;
  append_string(message, target.address);
  append_number(message, static_cast<std::uint32_t>(target.port));
  append_string(message, "127.0.0.1");
  append_number(message, 65535);
  return message;
}

}  // namespace

JumpLine::Round::Round(Session& on, std::size_t first_most) : session(on), events(::epoll_create1(EPOLL_CLOEXEC)), most(first_most) {
  open_many_channels(session.raw());
}

JumpLine::Round::~Round() {
  for (const auto& one : carried) forget(*one.tunnel);
  for (const auto& one : opening) session.retire(one.channel);
}

// Edge-triggered: a socket that can't be served now must not wake us again and again.
void JumpLine::Round::look() {
  std::array<epoll_event, 64> found{};
  for (int n = 64; n == 64;) {
    n = ::epoll_wait(events.get(), found.data(), 64, 0);
    for (int i = 0; i < n; ++i) {
      const auto& event = found[static_cast<std::size_t>(i)];
      static_cast<Tunnel*>(event.data.ptr)->notice(event.events);
    }
  }
}

int JumpLine::Round::ask() {
  if (message.empty()) message = direct_tcpip(next->target);
  LIBSSH2_CHANNEL* channel = ::libssh2_channel_open_ex(session.raw(), "direct-tcpip", 12, tunnel_window, tunnel_packet, message.data(),
                                                       static_cast<unsigned>(message.size()));
  const int code = channel != nullptr ? 0 : ::libssh2_session_last_errno(session.raw());
  if (code != LIBSSH2_ERROR_EAGAIN) message.clear();
  if (channel == nullptr) return code;
  // A connection has no stderr; if there came any, nobody would read it, and the channel would never be at its end.
  ::libssh2_channel_handle_extended_data2(channel, LIBSSH2_CHANNEL_EXTENDED_DATA_IGNORE);
  opening.push_back({std::exchange(next, nullptr), channel});
  return 0;
}

Result<Passage> JumpLine::Round::carry(const Target& target, LIBSSH2_CHANNEL* opened) {
  Channel channel(session, opened);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return std::unexpected(
        Error(ErrorCode::local, "no socket for the way to " + place_of(target) + ": " + system_cause(errno)).on(target.name));
  }
  Fd near(ends[0]);
  auto tunnel = std::make_unique<Tunnel>(session, std::move(channel), Fd(ends[1]));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = tunnel.get();
  if (::epoll_ctl(events.get(), EPOLL_CTL_ADD, tunnel->socket(), &event) != 0) {
    return std::unexpected(
        Error(ErrorCode::local, "the way to " + place_of(target) + " can't be watched: " + system_cause(errno)).on(target.name));
  }
  auto way = std::make_shared<Way>();
  carried.push_back({std::move(tunnel), way});
  return Passage{std::move(near), std::move(way)};
}

bool JumpLine::Round::step() {
  pulled = std::any_of(carried.begin(), carried.end(), [](const Carried& one) { return one.tunnel->pull(); });
  session.allow(carried.size() * 4 * tunnel_window);
  if (carried.empty()) return false;
  bool more = false;
  // Another one first in each round: the first finds the most room.
  first = (first + 1) % carried.size();
  for (std::size_t i = 0; i < carried.size(); ++i) more = carried[(first + i) % carried.size()].tunnel->step() || more;
  // Where the session is lost, each has to be told why before it is closed.
  if (!session.lost()) {
    std::erase_if(carried, [this](const Carried& one) {
      if (one.tunnel->over()) forget(*one.tunnel);
      return one.tunnel->over();
    });
  }
  return more;
}

// A child that has not begun its program yet has the socket, too, and so closing it alone would not end its events.
void JumpLine::Round::forget(const Tunnel& tunnel) const { ::epoll_ctl(events.get(), EPOLL_CTL_DEL, tunnel.socket(), nullptr); }

}  // namespace kirikae::ssh
