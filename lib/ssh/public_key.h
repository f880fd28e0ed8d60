// Signatures that others have made, verified by their public keys.
#pragma once

#include <string_view>

namespace kirikae::ssh {

enum class Verdict {
  good,
  wrong,      // not this key's, not of this data, or damaged
  not_taken,  // of a kind that isn't looked at: SHA-1, DSA, RSA keys of less than 1024 bits, a browser's of a security key
};

// `key`: a plain public key's blob; `signature` as SSH has it, an algorithm and bytes. Ed25519 and ecdsa, of security keys, too, and RSA with
// SHA-2. Whether somebody had to touch the security key is not asked, as OpenSSH doesn't of authorities.
Verdict check_signature(std::string_view key, std::string_view data, std::string_view signature);

// How long an RSA key is, a plain one's blob. 0: it is none.
int rsa_bits(std::string_view key);

}  // namespace kirikae::ssh
