// The algorithms of a session: what we offer, and which of them a host lacks, read off its first packet.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/host_settings.h"

namespace kirikae::ssh {

// In SSH's order of negotiation. Lists are comma separated, the preferred one first.
struct Algorithms {
  std::string kex;
  std::string host_key;
  std::string cipher;
  std::string mac;
};

// What we offer a host; `host_key_types`, from known_hosts, go before the other host key algorithms.
Algorithms offered_algorithms(const std::vector<std::string>& host_key_types);

// The methods at the head of a list of key exchanges that all begin with the same message; empty: the first one's is like no other's, or
// depends on the host.
std::string kex_that_begins_alike(std::string_view kex);

// What is left of an offer where the host's settings name algorithms of some kind; the order is ours. Error (connect): nothing of a kind.
Result<Algorithms> restricted(Algorithms offer, const HostSettings& host);

// Follows what a host says from its first byte on, as long as that comes in the clear: its KEXINIT, of which libssh2 doesn't say what was
// missing, and its signature.
class KexinitSniffer {
 public:
  void feed(std::string_view bytes);

  // The host's greeting, "SSH-2.0-OpenSSH_9.2"; empty: none yet.
  [[nodiscard]] const std::string& banner() const { return banner_; }
  // What it said before its greeting, or instead of one.
  [[nodiscard]] const std::string& before() const { return before_; }
  [[nodiscard]] bool complete() const { return complete_; }  // its KEXINIT is known
  // That of its host key, of the session's id; empty: none yet.
  [[nodiscard]] const std::string& signature() const { return signature_; }

  // The first kind of algorithm that the host shares none of with us: "key exchange: it offers 'a,b', this program 'c'".
  // Empty: there is no such kind, or it isn't known yet.
  [[nodiscard]] std::string missing(const Algorithms& ours) const;

 private:
  static constexpr std::size_t max_bytes = 65536;
  void parse_greeting();
  bool parse_packet();
  void take(std::string_view payload);

  std::string bytes_;  // that are not looked through yet
  std::string banner_;
  std::string before_;
  std::array<std::string, 6> lists_;  // kex, host key, ciphers to and from the host, MACs to and from it
  bool complete_ = false;
  std::string signature_;
  bool over_ = false;  // nothing more is of interest
};

}  // namespace kirikae::ssh
