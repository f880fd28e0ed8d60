// The real Connector: libssh2 sessions.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/secret.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

struct Settings {
  std::vector<std::string> known_hosts;  // files in order; ones that don't exist are passed over
  std::vector<std::string> identities;   // private keys in order; where `identities_given` a missing one is an error
  bool identities_given = false;
  std::string agent_socket;              // SSH_AUTH_SOCK; empty: no agent
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds keepalive{15};
  int parallel = 100;                    // logins and sessions at the same time
  int parallel_logins_per_address = 8;   // under sshd's MaxStartups
  // Asked at most once per key file and run, one question at a time; empty answer: skip the key. Not set: no terminal.
  std::function<Secret(const std::string& question)> ask;
};

// Shares key material, known_hosts and login slots between all sessions of the run.
std::unique_ptr<Connector> make_connector(Settings settings);

}  // namespace kirikae::ssh
