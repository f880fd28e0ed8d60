// HostKeys: what the known_hosts files of a run say about host keys, under OpenSSH's rules. Read once, then shared
// between threads; the object itself never changes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::ssh {

// How a host's key stands to the known_hosts files.
enum class Standing {
  known,
  unknown,
  vouched,  // nothing is known but an authority that vouches for it
  changed,  // other keys are known
  revoked,
};

// A line with another key than the one that a host shows.
struct OtherKey {
  std::string file;
  int line = 0;
  std::string key;     // blob
  bool alone = false;  // the line names this host and no other
};

struct Judgement {
  Standing standing = Standing::unknown;
  std::vector<OtherKey> others{};  // where it has changed
};

class HostKeys {
 public:
  // Files in order. Ones that are missing are passed over; ones that can't be read, and lines that can't be understood,
  // are `warnings()`, since a broken line must not lock a user out of all other hosts.
  // `trust_command`: what adds keys, for advice ("deploy trust production"); empty: that is ssh-keyscan.
  static HostKeys load(const std::vector<std::string>& files, std::string trust_command = {});

  // The key algorithms to ask the host for, in file order (LIBSSH2_METHOD_HOSTKEY; an RSA key counts as rsa-sha2-512
  // and rsa-sha2-256). Empty: the host is unknown, or only certificate authorities and revoked keys match it.
  [[nodiscard]] std::vector<std::string> key_types(const std::string& host, int port) const;

  // Whether the host may be talked to. `host` is the name as the user wrote it, or the numeric address if that is what
  // they wrote; `key_blob` is what libssh2_session_hostkey() gives. Error: host_key (unknown, changed, revoked, known
  // only through a certificate authority), with the command that settles it.
  [[nodiscard]] Result<void> verify(const std::string& host, int port, std::string_view key_blob) const;
  // The same without words.
  [[nodiscard]] Judgement judge(const std::string& host, int port, std::string_view key_blob) const;

  // `FILE:LINE: why`, in file order.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

 private:
  struct State;
  explicit HostKeys(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace kirikae::ssh
