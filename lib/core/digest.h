// SHA-256 (files, artifacts, host key fingerprints) and HMAC-SHA1 (hashed known_hosts names), by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace kirikae {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  // 64 lower-case hex digits; ends the computation.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_bytes(std::string_view bytes);                              // 32 raw bytes
std::string hmac_sha1_bytes(std::string_view key, std::string_view message);   // 20 raw bytes
std::string to_hex(std::string_view bytes);
bool is_sha256(std::string_view text);                                         // 64 lower-case hex digits
std::string to_base64(std::string_view bytes);                                 // with padding
// Strict: no blanks, padded. False where `text` is no base64; `bytes` is then unspecified.
bool from_base64(std::string_view text, std::string& bytes);
// From the system's cryptographic generator, as 2 × `bytes` hex digits.
std::string random_hex(std::size_t bytes);

}  // namespace kirikae
