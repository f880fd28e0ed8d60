// Certificate: what an authority has signed about a key, in the format of OpenSSH's PROTOCOL.certkeys. Read, and not judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ssh {

inline constexpr std::size_t certificate_name_limit = 100;  // bytes that are shown of what it names

struct Certificate {
  std::string blob;      // the whole of it
  std::string type;      // "ssh-ed25519-cert-v01@openssh.com"
  std::string key_blob;  // the plain public key inside
  bool for_user = true;  // a host's otherwise
  std::uint64_t serial = 0;
  std::string id;  // what the authority calls it
  std::vector<std::string> principals;
  std::uint64_t valid_from = 0;               // seconds since 1970, inclusive
  std::uint64_t valid_to = 0;                 // exclusive; the largest number: for ever
  std::vector<std::string> critical_options;  // their names
  std::string authority;                      // its public key's blob
  std::string signature;                      // its algorithm and bytes
  std::size_t signed_size = 0;                // so much of the blob is signed
};

// nullopt: the bytes are no certificate, or one with anything before, within or behind it that the format doesn't have.
std::optional<Certificate> parse_certificate(std::string_view blob);

// Whether a public key's blob says that it is a certificate.
bool is_certificate(std::string_view blob);
// The key inside of a certificate; any other blob itself.
std::string plain_key(std::string_view blob);

// "2024-02-03 04:05 UTC".
std::string date_of(std::uint64_t seconds);

}  // namespace kirikae::ssh
