#include "ssh/tunnel.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "ssh/session.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t tunnel_piece = 32'700;       // what libssh2 sends in one packet
constexpr std::size_t turn = 4 * tunnel_piece;     // after so much it is others' turn
constexpr std::size_t kept_capacity = 128 * 1024;  // a buffer that grew beyond is given back

}  // namespace

Tunnel::Tunnel(Session& session, Channel channel, Fd socket)
    : session_(session), channel_(std::move(channel)), socket_(std::move(socket)), ahead_(session.payload_limit()) {}

void Tunnel::notice(unsigned events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) gone_ = true;
}

bool Tunnel::step() {
  if (over_) return false;
  const bool more = carry_up();
  carry_down();
  const bool all_read = channel_.at_end();
  if (all_read && down_.empty() && !told_end_down_) {
    ::shutdown(socket_.get(), SHUT_WR);
    told_end_down_ = true;
  }
  over_ = over_ || session_.lost() || (told_end_down_ && (told_end_up_ || channel_.closed()));
  return more && !over_;
}

// False: the channel takes no more now.
bool Tunnel::send_up() {
  if (!session_.may_write()) return false;
  // Where nobody holds the other end, the last words go if they can go at once.
  if (!gone_ && !ahead_.may_send(sent_, channel_.unconfirmed(), Deadline::Clock::now())) return false;
  const auto n = channel_.write(up_);
  sent_ += n;
  up_.erase(0, n);
  if (n == 0 && gone_) over_ = true;
  return n > 0;
}

bool Tunnel::carry_up() {
  std::array<char, tunnel_piece> buffer;
  for (std::size_t carried = 0; carried < turn;) {
    if (up_.empty()) {
      if (up_ended_) {
        if (!told_end_up_ && channel_.send_eof()) told_end_up_ = true;
        // Whoever has closed their end waits for nothing; who has only ended their half still reads.
        over_ = over_ || gone_;
        return false;
      }
      if (!readable_) return false;
      const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        readable_ = false;
        return false;
      }
      if (n <= 0) {
        up_ended_ = true;
        continue;
      }
      up_.assign(buffer.data(), static_cast<std::size_t>(n));
    }
    const auto before = up_.size();
    if (!send_up()) return false;
    carried += before - up_.size();
  }
  return true;
}

void Tunnel::send_down(std::string_view bytes) {
  while (down_.empty() && writable_ && !bytes.empty()) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      writable_ = false;
    } else if (errno != EINTR) {
      return;  // nobody reads there any more; carry_up() sees it too
    }
  }
  down_.append(bytes);
}

void Tunnel::carry_down() {
  if (!down_.empty()) {
    if (!writable_) return;  // what the channel has more of waits there, and then at the host
    std::string kept;
    kept.swap(down_);
    send_down(kept);
    if (!down_.empty()) return;
    if (kept.capacity() <= kept_capacity) {
      kept.clear();
      down_.swap(kept);
    }
  }
  // All of it: each read allows the host a whole window more, however much is still unread.
  std::array<char, 2 * tunnel_piece> buffer;
  while (channel_.unread() > 0) {
    const auto n = channel_.read(Stream::out, buffer);
    if (n == 0) break;
    send_down({buffer.data(), n});
  }
}

}  // namespace kirikae::ssh
