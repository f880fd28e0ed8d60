#include "core/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace kirikae {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);  // out of memory, or OpenSSL is broken
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  require(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "sha256 init");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "sha256 update");
}

std::string Sha256::hex() {
  std::string digest(32, '\0');
  require(EVP_DigestFinal_ex(state_->context, bytes_of(digest), nullptr) == 1, "sha256 final");
  return to_hex(digest);
}

std::string sha256_bytes(std::string_view bytes) {
  std::string digest(32, '\0');
  require(EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest), nullptr, EVP_sha256(), nullptr) == 1, "sha256");
  return digest;
}

std::string hmac_sha1_bytes(std::string_view key, std::string_view message) {
  std::string digest(20, '\0');
  unsigned int size = 0;
  require(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
               bytes_of(digest), &size) != nullptr,
          "hmac-sha1");
  return digest;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

bool from_base64(std::string_view text, std::string& bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return false;
  const auto pad = text.find('=');
  const auto padding = pad == std::string_view::npos ? 0 : text.size() - pad;
  if (padding > 2 || text.substr(text.size() - padding).find_first_not_of('=') != std::string_view::npos) return false;
  if (text.substr(0, text.size() - padding).find_first_not_of(alphabet) != std::string_view::npos) return false;
  bytes.assign(text.size() / 4 * 3, '\0');
  if (text.empty()) return true;
  if (EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size())) < 0) return false;
  bytes.resize(bytes.size() - padding);
  return true;
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  require(RAND_bytes(bytes_of(raw), static_cast<int>(bytes)) == 1, "no random bytes");
  return to_hex(raw);
}

}  // namespace kirikae
