// UserCertificate: what an authority has signed about a user's key, as ssh-keygen -s writes it (FILE-cert.pub). The host judges it; here it is
// read to find its private key, and to say what is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "ssh/certificate.h"

namespace kirikae::ssh {

struct UserCertificate : Certificate {
  std::string path;

  // Why hosts will refuse it, for people; empty: nothing is known against it. A host may map principals to users, so that a name which isn't
  // among them says nothing, nor that there is none: a `cert-authority` line of the account takes such a one. `now`: seconds since 1970.
  [[nodiscard]] std::string trouble(std::uint64_t now) const;
  // "id-cert.pub ('me' for deploy, web, until …)", for what was tried.
  [[nodiscard]] std::string label() const;
};

// nullopt: there is no such file. Error (local): it can't be read, or holds no certificate.
Result<std::optional<UserCertificate>> read_certificate(const std::string& path);

// Where OpenSSH looks for the certificate of a key file: "id-cert.pub", for "id" and "id.pub".
std::string certificate_beside(std::string_view identity);

}  // namespace kirikae::ssh
