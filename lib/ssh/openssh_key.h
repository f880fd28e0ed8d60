// The container that OpenSSH keeps private keys in ("openssh-key-v1", OpenSSH's PROTOCOL.key).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "ssh/private_key.h"

namespace kirikae::ssh {

// The hint of errors that another format would cure; the file's path goes behind it.
inline constexpr std::string_view conversion = "convert it: ssh-keygen -p -Z aes256-ctr -f ";

struct OpensshKey {
  std::string_view cipher;
  std::string_view kdf;
  std::string_view kdf_options;
  std::string_view public_blob;
  std::string_view secret;  // private part, encrypted unless cipher is "none"
  std::string_view tag;     // behind it, for ciphers that authenticate
};

// Views into `container`, which is the text between the BEGIN and END lines, decoded. nullopt: it is none, or has
// several keys.
std::optional<OpensshKey> parse_openssh_key(std::string_view container);

// Errors: auth (wrong passphrase), local (broken, or a cipher or kind of key that isn't known here).
Result<PrivateKey> open_openssh_key(const OpensshKey& key, std::string_view passphrase);

}  // namespace kirikae::ssh
