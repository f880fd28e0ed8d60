#include "ssh/agent_forward.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ssh/session.h"
#include "ssh/tunnel.h"

namespace kirikae::ssh {
namespace {

// At the same time. A host could fill our memory with more: each may have a window of libssh2's size.
constexpr std::size_t connections_limit = 32;

}  // namespace

Fd connect_to_agent(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  return {};
}

AgentForward::AgentForward(Session& session, std::string socket)
    : session_(session), socket_(std::move(socket)), events_(::epoll_create1(EPOLL_CLOEXEC)) {}

AgentForward::~AgentForward() = default;

void AgentForward::connect(_LIBSSH2_CHANNEL* channel) {
  Channel carried(session_, channel);  // closed again where there is no agent any more: the host's client says so
  if (tunnels_.size() >= connections_limit) return;
  Fd fd = connect_to_agent(socket_);
  if (!fd.valid()) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  auto tunnel = std::make_unique<Tunnel>(session_, std::move(carried), std::move(fd));
  event.data.ptr = tunnel.get();
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, tunnel->socket(), &event) == 0) tunnels_.push_back(std::move(tunnel));
}

bool AgentForward::step() {
  std::array<epoll_event, connections_limit> found{};
  const int n = ::epoll_wait(events_.get(), found.data(), static_cast<int>(found.size()), 0);
  for (int i = 0; i < n; ++i) {
    const auto& event = found[static_cast<std::size_t>(i)];
    static_cast<Tunnel*>(event.data.ptr)->notice(event.events);
  }
  for (_LIBSSH2_CHANNEL* channel : std::exchange(waiting_, {})) connect(channel);
  bool more = false;
  for (const auto& tunnel : tunnels_) more = tunnel->step() || more;
  std::erase_if(tunnels_, [](const auto& tunnel) { return tunnel->over(); });
  return more || !waiting_.empty();
}

}  // namespace kirikae::ssh
