#include "ssh/openssh_key.h"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>

#include "core/secret.h"
#include "ssh/bcrypt_kdf.h"
#include "ssh/openssl_bytes.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

struct Cipher {
  std::string_view name;
  const EVP_CIPHER* (*evp)();
  bool authenticates = false;
  std::size_t block = 16;  // the text is filled up to a multiple of it
};
constexpr std::string_view chacha = "chacha20-poly1305@openssh.com";
constexpr std::array<Cipher, 10> ciphers{{
    {"aes256-ctr", EVP_aes_256_ctr},
    {"aes192-ctr", EVP_aes_192_ctr},
    {"aes128-ctr", EVP_aes_128_ctr},
    {"aes256-cbc", EVP_aes_256_cbc},
    {"aes192-cbc", EVP_aes_192_cbc},
    {"aes128-cbc", EVP_aes_128_cbc},
    {"aes256-gcm@openssh.com", EVP_aes_256_gcm, true},
    {"aes128-gcm@openssh.com", EVP_aes_128_gcm, true},
    {"3des-cbc", EVP_des_ede3_cbc, false, 8},
    {chacha, EVP_chacha20, true, 8},
}};
constexpr std::uint32_t rounds_limit = 10000;  // a minute; more is an attack or a mistake
constexpr std::size_t tag_size = 16;

Error damaged() { return Error(ErrorCode::local, "the file is damaged"); }
Error wrong_passphrase() { return Error(ErrorCode::auth, "wrong passphrase"); }

// nullopt: the tag says that the passphrase is wrong.
std::optional<Secret> decipher(const Cipher& cipher, const OpensshKey& key, std::string_view key_and_iv) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  const auto key_size = static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher.evp()));
  std::string plain(key.secret.size(), '\0');
  std::string tag(key.tag);
  int size = 0;
  int last = 0;
  if (context == nullptr ||
      EVP_DecryptInit_ex(context.get(), cipher.evp(), nullptr, bytes_of(key_and_iv), bytes_of(key_and_iv) + key_size) !=
          1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) {
    throw std::bad_alloc();
  }
  if ((cipher.authenticates && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), tag.data()) != 1) ||
      EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(key.secret),
                        static_cast<int>(key.secret.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &last) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return Secret(std::move(plain));
}

// ChaCha20 from its block `block` on, with OpenSSH's nonce of a packet number 0.
std::optional<Secret> chacha20(std::string_view key, char block, std::string_view bytes) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  std::string iv(16, '\0');  // OpenSSL's begins with the block's number, lowest byte first
  iv[0] = block;
  std::string out(bytes.size(), '\0');
  int size = 0;
  if (context == nullptr) throw std::bad_alloc();
  if (EVP_DecryptInit_ex(context.get(), EVP_chacha20(), nullptr, bytes_of(key), bytes_of(std::string_view(iv))) != 1 ||
      EVP_DecryptUpdate(context.get(), bytes_of(out), &size, bytes_of(bytes), static_cast<int>(bytes.size())) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return Secret(std::move(out));
}

// OpenSSH's PROTOCOL.chacha20poly1305, for one packet: the tag's key is the first block, the text begins with the second. The
// second half of the key is for lengths, which a file has none of.
std::optional<Secret> decipher_chacha(const OpensshKey& key, std::string_view main_key) {
  const auto tag_key = chacha20(main_key, 0, std::string(32, '\0'));
  if (!tag_key) return std::nullopt;
  std::array<unsigned char, tag_size> tag{};
  std::size_t size = 0;
  const bool made = EVP_Q_mac(nullptr, "POLY1305", nullptr, nullptr, nullptr, tag_key->reveal().data(), 32, bytes_of(key.secret),
                              key.secret.size(), tag.data(), tag.size(), &size) != nullptr;
  if (!made || size != tag_size || CRYPTO_memcmp(tag.data(), key.tag.data(), tag_size) != 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  return chacha20(main_key, 1, key.secret);
}

Result<Secret> decrypt(const OpensshKey& key, std::string_view passphrase) {
  if (key.cipher == "none") return Secret(std::string(key.secret));
  const Cipher* cipher = nullptr;
  for (const Cipher& known : ciphers) {
    if (known.name == key.cipher) cipher = &known;
  }
  if (cipher == nullptr || key.kdf != "bcrypt") {
    return std::unexpected(Error(
        ErrorCode::local,
        fmt::format("it is encrypted with '{}', which is not known here", cipher == nullptr ? key.cipher : key.kdf),
        std::string(conversion)));
  }
  WireReader options(key.kdf_options);
  const auto salt = options.string();
  const auto rounds = options.number();
  const bool tag_fits = key.tag.size() == (cipher->authenticates ? tag_size : 0);
  if (!salt || salt->empty() || !rounds || *rounds == 0 || *rounds > rounds_limit || !tag_fits ||
      key.secret.size() % cipher->block != 0) {
    return std::unexpected(damaged());
  }
  if (passphrase.empty()) return std::unexpected(wrong_passphrase());
  const auto size = cipher->name == chacha ? 64
                                           : static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher->evp()) +
                                                                      EVP_CIPHER_get_iv_length(cipher->evp()));
  const Secret key_and_iv = bcrypt_kdf(passphrase, *salt, *rounds, size);
  auto plain = cipher->name == chacha ? decipher_chacha(key, key_and_iv.reveal()) : decipher(*cipher, key, key_and_iv.reveal());
  if (!plain) return std::unexpected(wrong_passphrase());
  return *std::move(plain);
}

Result<PrivateKey> parse_fields(std::string_view type, WireReader fields) {
  if (type == "ssh-ed25519") {
    const auto known = fields.string();
    const auto seed_and_known = fields.string();
    if (!known || !seed_and_known || seed_and_known->size() != 64) return std::unexpected(damaged());
    return make_ed25519(seed_and_known->substr(0, 32));
  }
  if (type.starts_with("ecdsa-sha2-")) {
    const auto curve = fields.string();
    const auto point = fields.string();
    const auto scalar = fields.string();
    if (!curve || !point || !scalar) return std::unexpected(damaged());
    return make_ecdsa(*curve, *point, *scalar);
  }
  if (type == "ssh-rsa") {
    std::array<std::string_view, 6> numbers;  // n, e, d, 1/q mod p, p, q
    for (auto& number : numbers) {
      const auto field = fields.string();
      if (!field) return std::unexpected(damaged());
      number = *field;
    }
    return make_rsa({.modulus = numbers[0],
                     .exponent = numbers[1],
                     .secret = numbers[2],
                     .prime_p = numbers[4],
                     .prime_q = numbers[5],
                     .coefficient = numbers[3]});
  }
  if (type.starts_with("sk-")) {
    return std::unexpected(
        Error(ErrorCode::local, "it only points to a hardware key, which is used through the ssh-agent", "load it: ssh-add "));
  }
  return std::unexpected(Error(ErrorCode::local, fmt::format("keys of type '{}' are not supported", type)));
}

}  // namespace

std::optional<OpensshKey> parse_openssh_key(std::string_view container) {
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  if (!container.starts_with(magic)) return std::nullopt;
  WireReader reader(container.substr(magic.size()));
  const auto cipher = reader.string();
  const auto kdf = reader.string();
  const auto kdf_options = reader.string();
  const auto count = reader.number();
  const auto public_blob = reader.string();
  const auto secret = reader.string();
  if (!cipher || !kdf || !kdf_options || !public_blob || !secret || count != 1U) return std::nullopt;
  return OpensshKey{*cipher, *kdf, *kdf_options, *public_blob, *secret, reader.rest()};
}

Result<PrivateKey> open_openssh_key(const OpensshKey& key, std::string_view passphrase) {
  TRY_ASSIGN(const Secret plain, decrypt(key, passphrase));
  WireReader reader(plain.reveal());
  const auto check = reader.number();
  const auto check_again = reader.number();
  const auto type = reader.string();
  // The two are a random number, twice: any other passphrase leaves them different.
  if (!check || !check_again || *check != *check_again) {
    return std::unexpected(key.cipher == "none" ? damaged() : wrong_passphrase());
  }
  if (!type) return std::unexpected(damaged());
  auto opened = parse_fields(*type, reader);
  if (opened && opened->public_blob() != key.public_blob) return std::unexpected(damaged());
  return opened;
}

}  // namespace kirikae::ssh
