#include "ssh/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "core/digest.h"
#include "ssh/key_builder.h"
#include "ssh/openssl_bytes.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;

constexpr std::size_t ed25519_key_size = 32;
constexpr int least_rsa_bits = 1024;   // as OpenSSH
constexpr int most_rsa_bits = 16'384;  // OpenSSL's limit
constexpr std::string_view ecdsa = "ecdsa-sha2-";
constexpr std::string_view sk_ed25519 = "sk-ssh-ed25519@openssh.com";
constexpr std::string_view sk_ecdsa = "sk-ecdsa-sha2-nistp256@openssh.com";
// What a browser makes of such a key's signature, and ssh takes of an authority only where CASignatureAlgorithms names it.
constexpr std::string_view webauthn = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

// A number that isn't negative.
std::optional<Number> take_number(WireReader& reader) {
  const auto bytes = reader.string();
  if (!bytes || bytes->size() > most_rsa_bits / 8 + 1 ||
      (!bytes->empty() && (static_cast<unsigned char>(bytes->front()) & 0x80U) != 0)) {
    return std::nullopt;
  }
  return number_of(*bytes);
}

// These three take what is behind a key's type; nullptr: it is no key.
Key ed25519_key(WireReader fields) {
  const auto raw = fields.string();
  if (!raw || raw->size() != ed25519_key_size || !fields.rest().empty()) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*raw), raw->size()), EVP_PKEY_free};
}

Key ecdsa_key(const Curve& curve, WireReader fields) {
  const auto name = fields.string();
  const auto point = fields.string();
  if (!name || !point || !fields.rest().empty() || *name != curve.ssh || !point->starts_with('\x04')) return nullptr;
  KeyBuilder builder;
  builder.add_text(OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl);
  builder.add_bytes(OSSL_PKEY_PARAM_PUB_KEY, *point);
  return builder.make("EC", EVP_PKEY_PUBLIC_KEY);
}

Key rsa_key(WireReader fields) {
  const auto exponent = take_number(fields);
  const auto modulus = exponent ? take_number(fields) : std::nullopt;
  if (!modulus || !fields.rest().empty()) return nullptr;
  KeyBuilder builder;
  builder.add(OSSL_PKEY_PARAM_RSA_N, *modulus);
  builder.add(OSSL_PKEY_PARAM_RSA_E, *exponent);
  return builder.make("RSA", EVP_PKEY_PUBLIC_KEY);
}

// SSH has the two numbers; OpenSSL wants DER.
std::optional<std::string> der_of(std::string_view bytes) {
  WireReader reader(bytes);
  auto r = take_number(reader);
  auto s = r ? take_number(reader) : std::nullopt;
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), ECDSA_SIG_free);
  if (signature == nullptr) throw std::bad_alloc();
  if (!s || !reader.rest().empty() || ECDSA_SIG_set0(signature.get(), r->get(), s->get()) != 1) return std::nullopt;
  static_cast<void>(r->release());  // they are the signature's now
  static_cast<void>(s->release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size < 0) throw std::bad_alloc();
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

// `digest`: nullptr with ed25519, which has its own.
Verdict verify(const Key& key, const EVP_MD* digest, std::string_view data, std::string_view bytes) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (context == nullptr) throw std::bad_alloc();
  const bool good = key != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), bytes_of(bytes), bytes.size(), bytes_of(data), data.size()) == 1;
  ERR_clear_error();  // OpenSSL's queue of errors is not ours to leave full
  return good ? Verdict::good : Verdict::wrong;
}

Verdict verify_rsa(const Key& key, std::string_view algorithm, std::string_view data, std::string_view bytes) {
  if (algorithm == "ssh-rsa" || (key != nullptr && EVP_PKEY_get_bits(key.get()) < least_rsa_bits))
    return Verdict::not_taken;
  if (algorithm == "rsa-sha2-256") return verify(key, EVP_sha256(), data, bytes);
  if (algorithm == "rsa-sha2-512") return verify(key, EVP_sha512(), data, bytes);
  return Verdict::wrong;
}

Verdict verify_ecdsa(const Curve& curve, WireReader fields, std::string_view data, std::string_view bytes) {
  const auto der = der_of(bytes);
  return der ? verify(ecdsa_key(curve, fields), curve.digest(), data, *der) : Verdict::wrong;
}

// A security key signs not the data but four things about it (OpenSSH's PROTOCOL.u2f); the flags and the counter are `behind` the bytes.
Verdict verify_security_key(std::string_view type, std::string_view fields, std::string_view data, std::string_view bytes, WireReader behind) {
  const bool ed25519 = type == sk_ed25519;
  WireReader reader(fields);
  const bool has_key = reader.string() && (ed25519 || reader.string());
  const WireReader key(fields.substr(0, fields.size() - reader.rest().size()));
  const auto application = has_key ? reader.string() : std::nullopt;
  const auto flags = behind.byte();
  const auto counter = behind.number();
  if (!application || !reader.rest().empty() || !flags || !counter || !behind.rest().empty()) return Verdict::wrong;
  std::string about = sha256_bytes(*application) + static_cast<char>(*flags);
  append_number(about, *counter);
  about += sha256_bytes(data);
  return ed25519 ? verify(ed25519_key(key), nullptr, about, bytes) : verify_ecdsa(*curve_of_ssh("nistp256"), key, about, bytes);
}

}  // namespace

Verdict check_signature(std::string_view key, std::string_view data, std::string_view signature) {
  WireReader fields(key);
  const auto type = fields.string();
  WireReader reader(signature);
  const auto algorithm = reader.string();
  const auto bytes = reader.string();
  if (!type || !algorithm || !bytes) return Verdict::wrong;
  const Curve* curve = type->starts_with(ecdsa) ? curve_of_ssh(type->substr(ecdsa.size())) : nullptr;
  const bool security_key = type == sk_ed25519 || type == sk_ecdsa;
  const bool known = type == "ssh-ed25519" || type == "ssh-rsa" || curve != nullptr || security_key;
  if (!known || (type == sk_ecdsa && algorithm == webauthn)) return Verdict::not_taken;
  // But for RSA an algorithm is called as the key's type, and but for security keys there is nothing behind the bytes.
  if (type != "ssh-rsa" && algorithm != type) return Verdict::wrong;
  if (security_key) return verify_security_key(*type, fields.rest(), data, *bytes, reader);
  if (!reader.rest().empty()) return Verdict::wrong;
  if (type == "ssh-rsa") return verify_rsa(rsa_key(fields), *algorithm, data, *bytes);
  if (curve != nullptr) return verify_ecdsa(*curve, fields, data, *bytes);
  return verify(ed25519_key(fields), nullptr, data, *bytes);
}

int rsa_bits(std::string_view key) {
  WireReader reader(key);
  if (reader.string() != "ssh-rsa" || !reader.string()) return 0;
  std::string_view modulus = reader.string().value_or("");
  modulus.remove_prefix(std::min(modulus.find_first_not_of('\0'), modulus.size()));
  if (modulus.empty()) return 0;
  return static_cast<int>((modulus.size() - 1) * 8) + std::bit_width(static_cast<unsigned char>(modulus.front()));
}

}  // namespace kirikae::ssh
