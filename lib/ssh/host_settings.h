// HostSettings: what the connection to one host is made with: what ssh_config says of it, under what the recipe says. Plain values, all
// paths absolute, all tokens expanded.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ssh/login_rules.h"

namespace kirikae::ssh {

enum class AddressFamily { any, ipv4, ipv6 };

// What carries the sessions of a run.
enum class Carrier {
  libssh2,
  openssh,    // the system's ssh
  automatic,  // that where it is known that libssh2 can't
};

// A setting of ssh_config that ssh follows and libssh2 doesn't.
struct Beyond {
  std::string directive;
  std::string text;  // what it means for libssh2: an error, or where that goes without it, a warning
  std::string hint;
  bool needed = false;
};

// One host on the way to another, as ProxyJump names it.
struct Hop {
  std::string name;  // as ssh_config knows it
  int port = 0;      // 0: as ssh_config has it
  std::string user;  // empty: likewise
  bool operator==(const Hop&) const = default;
};

struct HostSettings {
  std::string address;  // HostName
  int port = 22;
  std::string user;

  // The way there: first to last. With a proxy command instead there are none.
  std::vector<Hop> jumps;
  std::string proxy_command;  // shell text whose standard input and output are the connection
  AddressFamily family = AddressFamily::any;
  std::string bind_address;  // empty: the system's choice

  std::string host_key_alias;            // the name in known_hosts, whatever the port; empty: the address
  std::vector<std::string> known_hosts;  // files in order; ones that don't exist are passed over
  bool has_place_for_new_keys = true;    // the first; false: none of them is the user's own
  bool accept_new = false;               // the key of a host that is in none of them is written there

  std::vector<std::string> identities;   // private keys in order
  bool identities_given = false;         // somebody named them
  bool identities_required = false;      // and one that can't be used is an error; they are tried in this order, and nothing else
  bool identities_only = false;          // of the agent's keys only those that are among them
  std::vector<std::string> certificates;
  std::string key_algorithms;  // what keys may sign with, patterns, comma separated; empty: whatever this program has
  int least_rsa_bits = 0;      // of keys, and of the host's own
  std::string agent_socket;  // empty: no agent
  LoginRules login;
  // The host may use the agent at this socket; empty: it may, but there is none.
  std::optional<std::string> forward_agent;

  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds keepalive{15};
  int keepalive_count = 3;  // so many without an answer, and the host counts as gone; 0: never

  std::string control_path;  // of a connection that ssh itself may have open, and would use instead; empty: none

  // What may be agreed on, comma separated; empty: whatever this program has.
  std::string kex, host_key_algorithms, ciphers, macs;
  std::string ca_signature_algorithms;  // what host certificates may be signed with, likewise

  std::vector<Beyond> beyond;
  bool session_is_set = false;  // this ssh has settings for a session's kind, its input, and whether it goes into the background
  std::vector<std::string> sent_environment;  // patterns of variables that ssh would send of its own

  // Settings that were passed over here, for people: "StrictHostKeyChecking no is taken for …".
  std::vector<std::string> warnings;
};

}  // namespace kirikae::ssh
