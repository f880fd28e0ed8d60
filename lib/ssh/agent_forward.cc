#include "ssh/agent_forward.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/digest.h"
#include "ssh/private_key.h"
#include "ssh/session.h"
#include "ssh/tunnel.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

// At the same time. A host could fill our memory with more: each may have a window of libssh2's size.
constexpr std::size_t connections_limit = 32;
constexpr std::size_t binding_answer_limit = 1024;  // to a binding

// Whatever a host has done so that its session's id isn't known here, it is none that keys were added for.
Result<AgentBinding> nobodys_binding() {
  AgentBinding binding{{}, {}, sha256_bytes(random_hex(32))};
  TRY_ASSIGN(const PrivateKey key, make_ed25519(sha256_bytes(random_hex(32))));
  TRY_ASSIGN(const std::string signature, key.sign(binding.session_id, "ssh-ed25519"));
  binding.host_key = key.public_blob();
  append_string(binding.signature, "ssh-ed25519");
  append_string(binding.signature, signature);
  return binding;
}

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

// One that the host has opened.
struct AgentForward::Connection {
  Connection(Session& session, Channel channel, Fd fd) : session_(session), channel_(std::move(channel)), fd_(std::move(fd)) {}

  [[nodiscard]] int socket() const { return tunnel_ ? tunnel_->socket() : fd_.get(); }
  void notice(unsigned events) {
    if (tunnel_) tunnel_->notice(events);
  }

  // False: there is no use for it.
  bool bind() {
    const AgentBinding& known = session_.agent_binding();
    const auto binding = known.is_whole() ? known : nobodys_binding();
    if (!binding) return false;
    const std::string message = binding->message(true);
    return ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
  }
  bool step() {
    if (!tunnel_ && !over_) take_answer();
    return tunnel_ && tunnel_->step();
  }
  bool over() { return tunnel_ ? tunnel_->over() : over_ || channel_.closed(); }

 private:
  void become_tunnel() { tunnel_ = std::make_unique<Tunnel>(session_, std::move(channel_), std::move(fd_)); }

  // To the binding: whatever it is, it isn't the host's.
  void take_answer() {
    for (;;) {
      const std::size_t head = 4;
      const std::size_t size = answer_.size() < head ? head : head + WireReader(answer_).number().value_or(0);
      if (answer_.size() >= head && answer_.size() == size) return become_tunnel();
      std::array<char, binding_answer_limit> buffer{};
      const ssize_t n = size > binding_answer_limit ? 0 : ::recv(fd_.get(), buffer.data(), size - answer_.size(), 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      over_ = n <= 0;
      if (over_) return;
      answer_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  Session& session_;
  Channel channel_;
  Fd fd_;
  std::string answer_;
  bool over_ = false;
  std::unique_ptr<Tunnel> tunnel_;
};

AgentForward::AgentForward(Session& session, std::string socket)
    : session_(session), socket_(std::move(socket)), events_(::epoll_create1(EPOLL_CLOEXEC)) {}

AgentForward::~AgentForward() {
  for (const auto& connection : connections_) forget(*connection);
}

// A child that has not begun its program yet has the socket, too, and so closing it alone would not end its events.
void AgentForward::forget(const Connection& connection) const { ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, connection.socket(), nullptr); }

void AgentForward::connect(_LIBSSH2_CHANNEL* channel) {
  Channel carried(session_, channel);  // closed again where there is no agent any more: the host's client says so
  if (connections_.size() >= connections_limit) return;
  Fd fd = connect_to_agent(socket_);
  if (!fd.valid()) return;
  auto connection = std::make_unique<Connection>(session_, std::move(carried), std::move(fd));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = connection.get();
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, connection->socket(), &event) != 0) return;
  if (!connection->bind()) return forget(*connection);
  connections_.push_back(std::move(connection));
}

bool AgentForward::step() {
  std::array<epoll_event, connections_limit> found{};
  const int n = ::epoll_wait(events_.get(), found.data(), static_cast<int>(found.size()), 0);
  for (int i = 0; i < n; ++i) {
    const auto& event = found[static_cast<std::size_t>(i)];
    static_cast<Connection*>(event.data.ptr)->notice(event.events);
  }
  for (_LIBSSH2_CHANNEL* channel : std::exchange(waiting_, {})) connect(channel);
  bool more = false;
  for (const auto& connection : connections_) more = connection->step() || more;
  std::erase_if(connections_, [this](const auto& connection) {
    const bool over = connection->over();
    if (over) forget(*connection);
    return over;
  });
  return more || !waiting_.empty();
}

}  // namespace kirikae::ssh
