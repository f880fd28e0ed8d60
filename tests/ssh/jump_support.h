// Hosts behind jump hosts, logged in on as a connector does it.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "ssh/authenticator.h"
#include "ssh/channel.h"
#include "ssh/jump_hosts.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "support/ssh_session.h"

namespace kirikae::test {

inline ssh::Target named(const std::string& name, const SshdFixture& sshd) {
  return {name, sshd.address(), sshd.port(), SshdFixture::user()};
}

inline std::vector<ssh::Hop> by(const std::vector<std::string>& names) {
  std::vector<ssh::Hop> hops;
  for (const auto& name : names) hops.push_back({name, 0, ""});
  return hops;
}

// What SSH configuration is for a connector: who is called what, and through whom jump hosts are reached by themselves.
class Network {
 public:
  explicit Network(std::map<std::string, ssh::Target> hops, std::chrono::milliseconds linger = std::chrono::seconds(30))
      : hops_(std::move(hops)),
        jump_hosts_([this](const ssh::Hop& hop, const std::vector<ssh::Hop>& before,
                           const ssh::Wait& wait) { return log_in_on(hop, before, wait); },
                    linger) {
    settings_.host.identities = {SshdFixture::client_key()};
    settings_.host.identities_given = settings_.host.identities_required = true;
  }

  Result<std::unique_ptr<ssh::Session>> log_in(const ssh::Target& target, const std::vector<std::string>& jumps,
                                               const ssh::Wait& wait = within(std::chrono::seconds(30))) {
    return log_in(target, by(jumps), settings_.host.keepalive, wait);
  }
  std::unique_ptr<ssh::Session> must_log_in(const ssh::Target& target, const std::vector<std::string>& jumps) {
    auto session = log_in(target, jumps);
    if (!session) throw std::runtime_error(to_text(session.error()));
    return std::move(*session);
  }

  ssh::JumpHosts& jump_hosts() { return jump_hosts_; }
  ssh::Settings& settings() { return settings_; }
  std::map<std::string, std::vector<std::string>> own_jumps{};  // of jump hosts
  std::chrono::seconds hop_keepalive{15};

 private:
  Result<std::unique_ptr<ssh::Session>> log_in_on(const ssh::Hop& hop, const std::vector<ssh::Hop>& before,
                                                  const ssh::Wait& wait) {
    const auto own = own_jumps.find(hop.name);
    const bool go_own_way = before.empty() && own != own_jumps.end();
    return log_in(hops_.at(hop.name), go_own_way ? by(own->second) : before, hop_keepalive,
                  {wait.deadline.tightened(Deadline::in(settings_.host.connect_timeout)), wait.stop});
  }

  Result<std::unique_ptr<ssh::Session>> log_in(const ssh::Target& target, const std::vector<ssh::Hop>& jumps,
                                               std::chrono::seconds keepalive, const ssh::Wait& wait) {
    std::unique_ptr<ssh::Session> session;
    if (jumps.empty()) {
      TRY_ASSIGN(auto socket, ssh::connect_socket(target, settings_.host, wait));
      session = std::make_unique<ssh::Session>(std::move(socket), target, keepalive);
    } else {
      TRY_ASSIGN(auto passage, jump_hosts_.connect(jumps, target, settings_.host.connect_timeout, wait));
      session = std::make_unique<ssh::Session>(std::move(passage.socket), target, keepalive);
      session->explain_end([way = passage.way] { return way->loss(); });
    }
    TRY_ASSIGN(const auto handshake, session->handshake(ssh::offered_algorithms({}), wait));
    if (handshake == ssh::Session::Handshake::refused) {
      return std::unexpected(Error(ErrorCode::connect, session->loss()));
    }
    ssh::Authenticator authenticator(settings_);
    const auto call = [&](const std::function<int()>& f) { return session->call(f, std::chrono::seconds(20), wait); };
    TRY(authenticator.authenticate(session->raw(), target, settings_.host, call, wait));
    session->watch_for_silence();
    return session;
  }

  std::map<std::string, ssh::Target> hops_;
  ssh::Settings settings_;
  ssh::JumpHosts jump_hosts_;  // last: its threads use all the others
};

// One command's whole output; throws where the connection is lost or it takes over a minute.
inline std::string output_of(ssh::Session& session, const std::string& command, std::string_view input = {}) {
  auto channel = ssh::Channel::open(session, command, std::chrono::seconds(20), {});
  if (!channel) throw std::runtime_error(to_text(channel.error()));
  const auto until = Deadline::in(std::chrono::seconds(60));
  std::string said;
  std::vector<char> buffer(65536);
  for (bool told_end = false; !channel->at_end();) {
    while (!input.empty() && session.may_write()) {
      const auto n = channel->write(input);
      if (n == 0) break;
      input.remove_prefix(n);
    }
    if (input.empty() && !told_end) told_end = channel->send_eof();
    while (const auto n = channel->read(ssh::Stream::out, buffer)) said.append(buffer.data(), n);
    if (channel->at_end()) break;
    if (until.passed() || !session.wait(until))
      throw std::runtime_error("no end of '" + command + "': " + session.loss());
  }
  return said;
}

inline std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  unsigned random = 1;
  for (char& byte : bytes) byte = static_cast<char>((random = random * 1664525 + 1013904223) >> 24);
  return bytes;
}

inline std::string sha256_of(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

inline Error error_of(const Result<std::unique_ptr<ssh::Session>>& session) {
  return session ? Error() : session.error();
}

// A session that only waits, and hears what its end is.
class Listener {
 public:
  explicit Listener(ssh::Session& session) : session_(session), channel_(open(session)) {}
  // Empty: it is still there after `patience`.
  std::string loss(std::chrono::seconds patience = std::chrono::seconds(20)) {
    const auto until = Deadline::in(patience);
    do {
      channel_.closed();
    } while (session_.wait(until) && !until.passed());
    return session_.loss();
  }

 private:
  static ssh::Channel open(ssh::Session& session) {
    auto channel = ssh::Channel::open(session, "cat", std::chrono::seconds(20), {});
    if (!channel) throw std::runtime_error(to_text(channel.error()));
    return std::move(*channel);
  }

  ssh::Session& session_;
  ssh::Channel channel_;
};

}  // namespace kirikae::test
