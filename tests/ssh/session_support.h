// Sessions below the Transport: what the tests of Session and Channel share.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/digest.h"
#include "ssh/authenticator.h"
#include "ssh/channel.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "support/ssh_session.h"

namespace kirikae::test {

inline std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// Logged in, without a control shell. `fd` is told the socket's number, which stays the session's.
inline std::unique_ptr<ssh::Session> log_in(const ssh::Target& target, const ssh::Settings& settings,
                                            int* fd = nullptr) {
  const auto wait = within(std::chrono::seconds(20));
  auto socket = ssh::connect_socket(target, settings.host, wait);
  if (!socket) throw std::runtime_error(to_text(socket.error()));
  if (fd != nullptr) *fd = socket->get();
  auto session = std::make_unique<ssh::Session>(std::move(*socket), target, settings.host.keepalive);
  if (auto done = session->handshake(ssh::offered_algorithms({}), wait); !done) throw std::runtime_error(to_text(done.error()));
  ssh::Authenticator authenticator(settings);
  const auto call = [&](const std::function<int()>& f) { return session->call(f, std::chrono::seconds(20), wait); };
  if (auto in = authenticator.authenticate(session->raw(), target, settings.host, call, wait); !in)
    throw std::runtime_error(to_text(in.error()));
  session->watch_for_silence();
  return session;
}

// One `cat` over a channel: what is fed in must come back.
class Echo {
 public:
  Echo(ssh::Session& session, std::size_t size, char salt)
      : session_(session), channel_(open(session)), left_(size), random_(static_cast<unsigned char>(salt)) {}

  void step() {
    while (session_.may_write()) {
      if (at_ == piece_.size()) {
        if (left_ == 0) {
          if (!eof_) eof_ = channel_.send_eof();
          break;
        }
        make_piece();
      }
      const auto n = channel_.write(std::string_view(piece_).substr(at_));
      if (n == 0) break;
      at_ += n;
    }
    std::vector<char> buffer(65536);
    while (const auto n = channel_.read(ssh::Stream::out, buffer)) {
      received_.update({buffer.data(), n});
      count_ += n;
    }
  }
  [[nodiscard]] bool done() const { return channel_.at_end(); }
  [[nodiscard]] std::size_t received() const { return count_; }
  [[nodiscard]] bool same() { return sent_.hex() == received_.hex(); }

 private:
  static ssh::Channel open(ssh::Session& session) {
    auto channel = ssh::Channel::open(session, "cat", std::chrono::seconds(20), {});
    if (!channel) throw std::runtime_error(to_text(channel.error()));
    return std::move(*channel);
  }
  void make_piece() {
    piece_.resize(std::min<std::size_t>(left_, 65536));
    for (char& byte : piece_) byte = static_cast<char>((random_ = random_ * 1664525 + 1013904223) >> 24);
    left_ -= piece_.size();
    at_ = 0;
    sent_.update(piece_);
  }

  ssh::Session& session_;
  ssh::Channel channel_;
  std::size_t left_;
  std::string piece_;
  std::size_t at_ = 0;
  unsigned random_;
  bool eof_ = false;
  std::size_t count_ = 0;
  Sha256 sent_;
  Sha256 received_;
};

// Drives all echoes to their ends; false where that takes longer than `patience` or the connection is lost.
inline bool drive(ssh::Session& session, std::vector<Echo*> echoes, std::chrono::seconds patience) {
  const auto until = Deadline::in(patience);
  for (;;) {
    bool done = true;
    for (auto* echo : echoes) {
      if (!echo->done()) echo->step();
      done = done && echo->done();
    }
    if (done) return true;
    if (until.passed() || !session.wait(until)) return false;
  }
}

}  // namespace kirikae::test
