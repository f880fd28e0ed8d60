// HostCertificate: a host's certificate, judged as OpenSSH's client does it, and where its releases differ, as the stricter one does. Whether
// the authority is trusted for the host, known_hosts says (host_keys.h).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "ssh/certificate.h"

namespace kirikae::ssh {

// Why a certificate says nothing about a host, for people; empty: it vouches for it.
struct CertificateTrouble {
  std::string text;  // "has expired on 2024-02-03 04:05 UTC, …", behind "host certificate of 'web1'"
  std::string hint;
  [[nodiscard]] bool any() const { return !text.empty(); }
};

class HostCertificate {
 public:
  // Error: what is wrong with it, since no host has it from an authority: it is damaged, or not signed by whom it names.
  static std::expected<HostCertificate, CertificateTrouble> read(std::string_view blob);

  [[nodiscard]] const std::string& key() const { return certificate_.key_blob; }         // the plain one inside
  [[nodiscard]] const std::string& authority() const { return certificate_.authority; }  // blob of its public key

  // Of a host that is reached by this name, as ssh has it: in lower case, or HostKeyAlias as it is written. `now`: seconds since 1970.
  // `signatures`: the algorithms that an authority may sign with (CASignatureAlgorithms), comma separated; empty: all that are safe.
  [[nodiscard]] CertificateTrouble trouble(std::string_view name, std::uint64_t now, std::string_view signatures) const;
  // "'web1', signed by ssh-ed25519 SHA256:…".
  [[nodiscard]] std::string label() const;

 private:
  explicit HostCertificate(Certificate certificate, bool safely_signed)
      : certificate_(std::move(certificate)), safely_signed_(safely_signed) {}
  [[nodiscard]] CertificateTrouble signature_trouble(std::string_view signatures) const;

  Certificate certificate_;
  bool safely_signed_;  // and that it is its authority's signature is certain
};

}  // namespace kirikae::ssh
