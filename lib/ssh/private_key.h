// PrivateKey: an ed25519, ecdsa or rsa key that is ready to sign; any number of threads may do so.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

struct evp_pkey_st;

namespace kirikae::ssh {

class PrivateKey {
 public:
  // From OpenSSL's form. Error (local): a kind of key that SSH does not use.
  static Result<PrivateKey> from(std::shared_ptr<evp_pkey_st> key);

  // What hosts know it by.
  [[nodiscard]] const std::string& public_blob() const { return blob_; }

  // The signature as a libssh2 sign callback has to return it. `algorithm` is the one that the SSH request names.
  // Error (auth): the key can't sign that way; SHA-1 (`ssh-rsa`) is refused.
  [[nodiscard]] Result<std::string> sign(std::string_view data, std::string_view algorithm) const;

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, std::string blob) : key_(std::move(key)), blob_(std::move(blob)) {}

  std::shared_ptr<evp_pkey_st> key_;
  std::string blob_;
};

// The fields of an SSH private key, big-endian numbers as they came from a file. Error (local): they are no key.
Result<PrivateKey> make_ed25519(std::string_view seed);
Result<PrivateKey> make_ecdsa(std::string_view curve, std::string_view point, std::string_view scalar);
struct RsaFields {
  std::string_view modulus, exponent, secret, prime_p, prime_q, coefficient;
};
Result<PrivateKey> make_rsa(const RsaFields& fields);

}  // namespace kirikae::ssh
