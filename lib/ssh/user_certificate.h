// UserCertificate: what an authority has signed about a user's key, as ssh-keygen -s writes it (FILE-cert.pub). The host judges it; here it is
// read to find its private key, and to say what is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::ssh {

struct UserCertificate {
  std::string path;
  std::string blob;  // what the host is shown; signatures are made with the private key of key_blob
  std::string type;  // "ssh-ed25519-cert-v01@openssh.com"
  std::string key_blob;  // the plain public key inside
  bool for_user = true;  // a host's otherwise
  std::uint64_t serial = 0;
  std::string id;                       // what the authority calls it
  std::vector<std::string> principals;  // empty: sshd takes it for nobody
  std::uint64_t valid_from = 0;         // seconds since 1970, inclusive
  std::uint64_t valid_to = 0;           // exclusive; the largest number: for ever

  // Why hosts will refuse it, for people; empty: nothing is known against it. A host may map principals to users, so that a name which isn't
  // among them says nothing. `now`: seconds since 1970.
  [[nodiscard]] std::string trouble(std::uint64_t now) const;
  // "id-cert.pub ('me' for deploy, web, until …)", for what was tried.
  [[nodiscard]] std::string label() const;
};

// nullopt: the bytes are no certificate.
std::optional<UserCertificate> parse_certificate(std::string_view blob);

// nullopt: there is no such file. Error (local): it can't be read, or holds no certificate.
Result<std::optional<UserCertificate>> read_certificate(const std::string& path);

// Where OpenSSH looks for the certificate of a key file: "id-cert.pub", for "id" and "id.pub".
std::string certificate_beside(std::string_view identity);

}  // namespace kirikae::ssh
