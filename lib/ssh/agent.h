// Agent: a client of ssh-agent (draft-miller-ssh-agent) over its unix socket. Each call is a connection of its own, so
// that any number of threads may sign at once; none blocks beyond its limit, whatever the agent does.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// Whom an agent signs for, as it is told (session-bind@openssh.com of OpenSSH's PROTOCOL.agent), so that keys which were added for some hosts
// alone (ssh-add -h) are for those.
struct AgentBinding {
  std::string host_key;    // as the host has shown it
  std::string signature;   // its own, from the key exchange
  std::string session_id;  // that it has signed; known from a login by key on

  [[nodiscard]] bool is_whole() const { return !host_key.empty() && !signature.empty() && !session_id.empty(); }
  // A message for an agent. `forwarding`: what follows is said by the host.
  [[nodiscard]] std::string message(bool forwarding) const;
};

class Agent {
 public:
  static constexpr std::chrono::seconds list_limit{2};
  static constexpr std::chrono::seconds sign_limit{60};  // somebody may have to confirm, or to touch a hardware key

  struct Identity {
    std::string blob;  // public key or certificate
    std::string comment;
  };

  explicit Agent(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // Errors: local (no agent there, or it speaks nonsense), timeout, cancelled.
  [[nodiscard]] Result<std::vector<Identity>> list(const Wait& wait) const;

  // Signs with a key of its list. `algorithm` is the one that the SSH request names (RSA keys have several). The result
  // is what a libssh2 sign callback has to return: the signature without its name, for a hardware key with the token's
  // flags and counter. `binding`: if it is whole, the agent is told first.
  // Errors: auth (the agent won't sign), local, timeout, cancelled.
  [[nodiscard]] Result<std::string> sign(std::string_view blob, std::string_view data, std::string_view algorithm,
                                         const Wait& wait, const AgentBinding& binding = {}) const;

 private:
  // One message after the other; the last one's answer.
  [[nodiscard]] Result<std::string> ask(const std::vector<std::string>& messages, const Wait& wait) const;

  std::string socket_path_;
};

}  // namespace kirikae::ssh
