// KeyBuilder: makes OpenSSL's form of a key of the fields that SSH has.
#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>
#include <string_view>

namespace kirikae::ssh {

struct Curve {
  std::string_view ssh;  // behind "ecdsa-sha2-"
  std::string_view openssl;
  const EVP_MD* (*digest)();
};
// nullptr: SSH knows no such curve.
const Curve* curve_of_ssh(std::string_view name);
const Curve* curve_of_openssl(std::string_view name);

using Number = std::unique_ptr<BIGNUM, decltype(&BN_clear_free)>;
Number number_of(std::string_view bytes);  // big-endian

// The numbers must outlive make().
class KeyBuilder {
 public:
  KeyBuilder();
  void add(const char* name, const Number& number);
  void add_text(const char* name, std::string_view text);
  void add_bytes(const char* name, std::string_view bytes);

  // `type`: "RSA", "EC"; `selection`: EVP_PKEY_KEYPAIR or EVP_PKEY_PUBLIC_KEY. nullptr: that is no key.
  std::shared_ptr<EVP_PKEY> make(const char* type, int selection);

 private:
  std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder_;
  bool ok_ = true;
};

}  // namespace kirikae::ssh
