// HostKeys: what the known_hosts files of a run say about host keys, under OpenSSH's rules. Read once, then shared
// between threads; the object itself never changes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::ssh {

// How a host's key stands to the known_hosts files. A certificate that doesn't count stands as the plain key inside.
enum class Standing {
  known,    // or shown with a certificate of an authority that vouches for the host
  unknown,
  vouched,  // nothing is known but an authority that vouches for the host, and this is no certificate of it
  changed,  // other keys are known
  revoked,  // or the authority that has signed the certificate
  forged,   // a certificate that is damaged, or not signed by whom it names
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
  std::string certificate{};       // why the one that the host shows doesn't count: "has expired on …"; empty: it does, or there is none
};

class HostKeys {
 public:
  // Files in order. Ones that are missing are passed over; ones that can't be read, and lines that can't be understood,
  // are `warnings()`, since a broken line must not lock a user out of all other hosts.
  // `trust_command`: what adds keys, for advice ("deploy trust production"); empty: that is ssh-keyscan.
  static HostKeys load(const std::vector<std::string>& files, std::string trust_command = {});

  // The key algorithms to ask the host for, in file order (LIBSSH2_METHOD_HOSTKEY; an RSA key counts as rsa-sha2-512
  // and rsa-sha2-256), and before them all kinds of certificates, where there is an authority and libssh2 has them. Empty: the host is
  // unknown, or only revoked keys match it.
  [[nodiscard]] std::vector<std::string> key_types(const std::string& host, int port) const;

  // Whether the host may be talked to. `host` is the name as the user wrote it, or the numeric address if that is what
  // they wrote; `key_blob` is what libssh2_session_hostkey() gives, a key or a certificate. `signatures`: HostCertificate::trouble().
  // Error: host_key (whatever isn't `known`), with what settles it.
  [[nodiscard]] Result<void> verify(const std::string& host, int port, std::string_view key_blob, std::string_view signatures = {}) const;
  // The same without words.
  [[nodiscard]] Judgement judge(const std::string& host, int port, std::string_view key_blob, std::string_view signatures = {}) const;

  // `FILE:LINE: why`, in file order.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

 private:
  struct State;
  explicit HostKeys(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace kirikae::ssh
