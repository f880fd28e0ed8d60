#include "ssh/private_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>
#include <new>
#include <optional>
#include <utility>

#include "ssh/key_builder.h"
#include "ssh/openssl_bytes.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// OpenSSL's queue of errors is not ours to leave full.
Error key_error(std::string text) {
  ERR_clear_error();
  return Error(ErrorCode::local, std::move(text));
}

std::string magnitude_of(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, bytes_of(bytes));
  return bytes;
}

std::optional<std::string> number_param(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return std::nullopt;
  const Number number(raw, BN_clear_free);
  return magnitude_of(number.get());
}

std::optional<std::string> rsa_blob(const EVP_PKEY* key) {
  const auto modulus = number_param(key, OSSL_PKEY_PARAM_RSA_N);
  const auto exponent = number_param(key, OSSL_PKEY_PARAM_RSA_E);
  if (!modulus || !exponent) return std::nullopt;
  std::string blob;
  append_string(blob, "ssh-rsa");
  append_mpint(blob, *exponent);
  append_mpint(blob, *modulus);
  return blob;
}

const Curve* curve_of(const EVP_PKEY* key) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return nullptr;
  return curve_of_openssl({name.data(), size});
}

std::optional<std::string> ecdsa_blob(const EVP_PKEY* key) {
  const Curve* curve = curve_of(key);
  const auto x = number_param(key, OSSL_PKEY_PARAM_EC_PUB_X);
  const auto y = number_param(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  if (curve == nullptr || !x || !y) return std::nullopt;
  const auto width = static_cast<std::size_t>(EVP_PKEY_get_bits(key) + 7) / 8;
  std::string point = "\x04";  // not compressed
  for (const std::string& coordinate : {*x, *y}) point += std::string(width - coordinate.size(), '\0') + coordinate;
  std::string blob;
  append_string(blob, "ecdsa-sha2-" + std::string(curve->ssh));
  append_string(blob, curve->ssh);
  append_string(blob, point);
  return blob;
}

std::optional<std::string> ed25519_blob(const EVP_PKEY* key) {
  std::string raw(32, '\0');
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes_of(raw), &size) != 1) return std::nullopt;
  std::string blob;
  append_string(blob, "ssh-ed25519");
  append_string(blob, raw);
  return blob;
}

std::optional<std::string> blob_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return rsa_blob(key);
    case EVP_PKEY_EC:
      return ecdsa_blob(key);
    case EVP_PKEY_ED25519:
      return ed25519_blob(key);
    default:
      return std::nullopt;
  }
}

Result<PrivateKey> made(std::shared_ptr<EVP_PKEY> key) {
  if (key == nullptr) return std::unexpected(key_error("its numbers are no key"));
  return PrivateKey::from(std::move(key));
}

// OpenSSL gives an ECDSA signature as DER; SSH wants the two numbers.
std::optional<std::string> ecdsa_signature(const std::string& der) {
  const unsigned char* at = bytes_of(der);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
  if (parsed == nullptr) return std::nullopt;
  std::string signature;
  append_mpint(signature, magnitude_of(ECDSA_SIG_get0_r(parsed.get())));
  append_mpint(signature, magnitude_of(ECDSA_SIG_get0_s(parsed.get())));
  return signature;
}

}  // namespace

Result<PrivateKey> PrivateKey::from(std::shared_ptr<EVP_PKEY> key) {
  auto blob = blob_of(key.get());
  if (!blob) return std::unexpected(key_error("it is neither an ed25519, an ecdsa nor an rsa key"));
  return PrivateKey(std::move(key), *std::move(blob));
}

Result<std::string> PrivateKey::sign(std::string_view data, std::string_view algorithm) const {
  const std::string type = key_type(blob_);
  const EVP_MD* digest = nullptr;  // ed25519 has its own
  if (type == "ssh-rsa") {
    if (!algorithm.starts_with("rsa-sha2-")) {  // of a certificate, too
      return std::unexpected(
          Error(ErrorCode::auth, "the host takes RSA keys with SHA-1 signatures only, which are not safe"));
    }
    digest = algorithm.starts_with("rsa-sha2-512") ? EVP_sha512() : EVP_sha256();
  } else if (type != "ssh-ed25519") {
    digest = curve_of(key_.get())->digest();
  }
  const DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::size_t size = 0;
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(data), data.size()) != 1) {
    return std::unexpected(key_error("the key can't sign"));
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(data), data.size()) != 1) {
    return std::unexpected(key_error("the key can't sign"));
  }
  signature.resize(size);
  if (!type.starts_with("ecdsa-")) return signature;
  auto numbers = ecdsa_signature(signature);
  if (!numbers) return std::unexpected(key_error("the key can't sign"));
  return *std::move(numbers);
}

Result<PrivateKey> make_ed25519(std::string_view seed) {
  return made({EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()), EVP_PKEY_free});
}

Result<PrivateKey> make_ecdsa(std::string_view curve, std::string_view point, std::string_view scalar) {
  KeyBuilder builder;
  if (const Curve* known = curve_of_ssh(curve)) builder.add_text(OSSL_PKEY_PARAM_GROUP_NAME, known->openssl);
  const Number secret = number_of(scalar);
  builder.add_bytes(OSSL_PKEY_PARAM_PUB_KEY, point);
  builder.add(OSSL_PKEY_PARAM_PRIV_KEY, secret);
  return made(builder.make("EC", EVP_PKEY_KEYPAIR));
}

Result<PrivateKey> make_rsa(const RsaFields& fields) {
  const Number modulus = number_of(fields.modulus);
  const Number exponent = number_of(fields.exponent);
  const Number secret = number_of(fields.secret);
  const Number p = number_of(fields.prime_p);
  const Number q = number_of(fields.prime_q);
  const Number coefficient = number_of(fields.coefficient);
  const Number secret_p = number_of({});
  const Number secret_q = number_of({});
  const Number less = number_of({});
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_secure_new(), BN_CTX_free);
  // Files leave out what follows from the rest: secret mod (prime - 1), with which signing is four times faster.
  if (context == nullptr || BN_sub(less.get(), p.get(), BN_value_one()) != 1 ||
      BN_mod(secret_p.get(), secret.get(), less.get(), context.get()) != 1 ||
      BN_sub(less.get(), q.get(), BN_value_one()) != 1 ||
      BN_mod(secret_q.get(), secret.get(), less.get(), context.get()) != 1) {
    return std::unexpected(key_error("its numbers are no key"));
  }
  KeyBuilder builder;
  builder.add(OSSL_PKEY_PARAM_RSA_N, modulus);
  builder.add(OSSL_PKEY_PARAM_RSA_E, exponent);
  builder.add(OSSL_PKEY_PARAM_RSA_D, secret);
  builder.add(OSSL_PKEY_PARAM_RSA_FACTOR1, p);
  builder.add(OSSL_PKEY_PARAM_RSA_FACTOR2, q);
  builder.add(OSSL_PKEY_PARAM_RSA_EXPONENT1, secret_p);
  builder.add(OSSL_PKEY_PARAM_RSA_EXPONENT2, secret_q);
  builder.add(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, coefficient);
  return made(builder.make("RSA", EVP_PKEY_KEYPAIR));
}

}  // namespace kirikae::ssh
