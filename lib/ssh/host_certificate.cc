#include "ssh/host_certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/shell_quote.h"
#include "ssh/known_hosts.h"
#include "ssh/printable.h"
#include "ssh/public_key.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

std::string authority_text(std::string_view key) { return printable(key_type(key), certificate_name_limit) + " " + fingerprint(key); }

std::string sign_anew(std::string_view name) {
  return fmt::format("have the authority sign the host's key: ssh-keygen -s CA -I ID -h -n {} KEY.pub",
                     shell_word(name));
}

std::string principals_text(const Certificate& certificate) {
  std::string text;
  for (const std::string& name : certificate.principals)
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", printable(name, certificate_name_limit));
  return text;
}

CertificateTrouble no_proof(std::string_view why) {
  return {fmt::format("is no proof: {}", why),
          "somebody may be listening in, or the file that HostCertificate names is broken; look at it on the host: "
          "ssh-keygen -Lf FILE-cert.pub"};
}

CertificateTrouble time_trouble(const Certificate& certificate, std::string_view name, std::uint64_t now) {
  if (now < certificate.valid_from) {
    return {fmt::format("is not valid before {}, and here it is {}", date_of(certificate.valid_from), date_of(now)),
            "if this machine's clock is behind, set it; else the authority's was ahead, or it meant a later day: " +
                sign_anew(name)};
  }
  if (now >= certificate.valid_to) {
    return {fmt::format("has expired on {}, and here it is {}", date_of(certificate.valid_to), date_of(now)),
            "if this machine's clock is ahead, set it; else " + sign_anew(name)};
  }
  return {};
}

}  // namespace

std::expected<HostCertificate, CertificateTrouble> HostCertificate::read(std::string_view blob) {
  auto certificate = parse_certificate(blob);
  if (!certificate) return std::unexpected(no_proof("it is damaged"));
  if (is_certificate(certificate->authority)) return std::unexpected(no_proof("its authority is a certificate itself"));
  const auto verdict =
      check_signature(certificate->authority, blob.substr(0, certificate->signed_size), certificate->signature);
  if (verdict == Verdict::wrong)
    return std::unexpected(no_proof("its signature is not that of the authority which it names"));
  return HostCertificate(*std::move(certificate), verdict == Verdict::good);
}

CertificateTrouble HostCertificate::signature_trouble(std::string_view signatures) const {
  const std::string algorithm = key_type(certificate_.signature);
  const bool allowed = signatures.empty() || matches_patterns(signatures, algorithm, Letters::as_written);
  if (!safely_signed_) {
    return {fmt::format("is signed by '{}' with '{}', which is not taken here",
                        printable(key_type(certificate_.authority), certificate_name_limit), printable(algorithm, certificate_name_limit)),
            "have it signed by a key of type ed25519, ecdsa, or rsa with SHA-2: ssh-keygen -s CA -t rsa-sha2-512 …"};
  }
  if (!allowed) {
    return {fmt::format("is signed with '{}', which CASignatureAlgorithms of ssh_config doesn't allow", algorithm),
            fmt::format("have it signed with one of '{}'", signatures)};
  }
  return {};
}

CertificateTrouble HostCertificate::trouble(std::string_view name, std::uint64_t now,
                                            std::string_view signatures) const {
  if (certificate_.for_user) return {"is a user's, not a host's", sign_anew(name)};
  if (auto time = time_trouble(certificate_, name, now); time.any()) return time;
  if (certificate_.principals.empty()) return {"names no host", sign_anew(name)};
  if (std::ranges::find(certificate_.principals, name) == certificate_.principals.end()) {
    return {fmt::format("is for {} and not for '{}'", principals_text(certificate_), name),
            "name the host as the certificate does (in the recipe, or by HostKeyAlias in ssh_config), or " +
                sign_anew(name)};
  }
  if (!certificate_.critical_options.empty()) {
    return {fmt::format("has the critical option '{}', which hosts have none of",
                        printable(certificate_.critical_options.front(), certificate_name_limit)),
            sign_anew(name)};
  }
  return signature_trouble(signatures);
}

std::string HostCertificate::label() const {
  return fmt::format("'{}', signed by {}", printable(certificate_.id, certificate_name_limit), authority_text(certificate_.authority));
}

}  // namespace kirikae::ssh
