// The known_hosts format: lines of one file, and which names a line speaks of. Pure; HostKeys (host_keys.h) decides
// what follows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ssh {

struct KnownHostsLine {
  enum class Marker { none, revoked, cert_authority };

  int line = 0;  // from 1
  Marker marker = Marker::none;
  std::string patterns;  // names as the file has them, comma separated; empty where the name is hashed
  std::string salt;      // of a hashed name, 20 bytes
  std::string hash;      // HMAC-SHA1 of the name, 20 bytes; empty: not hashed
  std::string key;       // public key blob
};

struct KnownHosts {
  struct BadLine {
    int line = 0;
    std::string why;
  };
  std::vector<KnownHostsLine> lines;
  std::vector<BadLine> bad_lines;  // passed over
};

KnownHosts parse_known_hosts(std::string_view text);

// Whether the line speaks of one host alone, by a name or a hash of it.
bool names_one_host(const KnownHostsLine& line);

// The name under which a host is listed: in lower case; `[name]:port` for a port other than 22.
std::string listed_name(std::string_view host, int port);

// Whether the line speaks of a listed name.
bool speaks_of(const KnownHostsLine& line, std::string_view name);

// Whether a list of patterns (`*` and `?`, `!` negates, comma separated) speaks of a name; of a listed one, in any case. A negation
// that matches ends it, whatever else does.
enum class Letters { any_case, as_written };
bool matches_patterns(std::string_view patterns, std::string_view name, Letters letters = Letters::any_case);
// One of them, without its `!`; a comma is a letter like others.
bool matches_pattern(std::string_view pattern, std::string_view name, Letters letters);

}  // namespace kirikae::ssh
