// The real Connector: sessions of libssh2 and of the system's ssh.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/secret.h"
#include "ssh/host_settings.h"
#include "ssh/key_trust.h"
#include "ssh/passwords.h"
#include "ssh/ssh_config.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// What to do where libssh2 can't.
inline constexpr const char* openssh_advice = "have the system's ssh carry the run (ssh: {transport: openssh})";

struct Settings {
  std::shared_ptr<SshConfig> config;  // says how each host is reached; null: `host` holds for all of them, at the target's address
  HostSettings host{};
  // Hosts that have one of their own are in `carriers`, by their names.
  Carrier carrier = Carrier::libssh2;
  std::map<std::string, Carrier> carriers{};
  int parallel = 100;                   // logins and sessions at the same time
  int parallel_logins_per_address = 8;  // under sshd's MaxStartups
  // Asked at most once per key file and run, one question at a time; empty answer: skip the key. Not set: no terminal.
  std::function<Secret(const std::string& question)> ask;
  Passwords::Given password{};  // of the hosts that are wanted, not of jump hosts
  // What people should know of a host, by its name; empty: it is none of the run's own.
  std::function<void(const std::string& host, const std::string& text)> warn{};
  std::string trust_command{};  // for advice: HostKeys::load()
  // The program that the system's ssh shall ask by: it calls answer_askpass() (askpass.h). Empty: it asks nothing.
  std::string askpass{};
};

class RealConnector : public Connector, public KeyTrust {};

// Shares key material, known_hosts and login slots between all sessions of the run.
std::unique_ptr<RealConnector> make_connector(Settings settings);

}  // namespace kirikae::ssh
