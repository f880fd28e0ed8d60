// HostileHost: an SSH server on a port of 127.0.0.1 that lets everybody in, and does what a test wants instead of the first step.
//
//   HostileHost host([](HostileHost::Peer& peer) { while (peer.send("d")) {} });   // until the client has gone
//   auto session = open_session(host.target(), host.settings());
//
// It speaks for the control shell until then. One client at a time; what the test wants is done in a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/fd.h"
#include "ssh/private_key.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"
#include "support/temp_dir.h"

namespace kirikae::test {

class HostileHost {
 public:
  class Peer;
  using Act = std::function<void(Peer& peer)>;
  explicit HostileHost(Act act);
  ~HostileHost();
  HostileHost(const HostileHost&) = delete;
  HostileHost& operator=(const HostileHost&) = delete;

  [[nodiscard]] ssh::Target target() const { return {"web1", "127.0.0.1", port_, "deploy"}; }
  // Of a client that knows its key.
  [[nodiscard]] ssh::Settings settings(ssh::Carrier carrier = ssh::Carrier::libssh2) const;

 private:
  void serve(Fd connection);

  const Act act_;
  TempDir folder_;
  std::string identity_;  // a private key's path
  ssh::PrivateKey key_;
  int port_ = 0;  // before the listener, which gives it
  Fd listener_;
  std::mutex mutex_;
  int connection_ = -1;  // that is served; under mutex_
  std::jthread thread_;  // last: it uses all the others
};

// A client, from its greeting on.
class HostileHost::Peer {
 public:
  explicit Peer(int socket);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // One message, the kind of which is its first byte. False: the client has gone.
  bool send(std::string_view payload);
  std::optional<std::string> receive();
  // On the channel of the control shell, without minding how much the client takes.
  bool say(std::string_view bytes, bool is_error = false);
  bool frame(std::string_view words, bool is_error = false);
  [[nodiscard]] std::uint32_t channel() const { return channel_; }  // as the client numbers it
  [[nodiscard]] std::uint64_t sent() const { return sent_; }        // bytes

  // Up to the step, whose begin is said. False: the client has gone.
  bool exchange_keys(const ssh::PrivateKey& key);
  bool await_step();

 private:
  struct Way;  // what a direction is encrypted with
  bool write(std::string_view bytes);
  bool read(std::string& bytes, std::size_t size);
  bool answer(const std::string& message);
  bool hear(std::string_view bytes);

  const int socket_;
  std::unique_ptr<Way> in_, out_;
  std::uint32_t received_ = 0, counted_ = 0;  // messages, each way
  std::uint32_t channel_ = 0;
  std::string heard_;  // on the control shell's channel
  std::string nonce_;
  bool asked_ = false;  // for the step
  std::uint64_t sent_ = 0;
};

}  // namespace kirikae::test
