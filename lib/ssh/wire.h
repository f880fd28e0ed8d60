// The SSH wire format as keys and the agent use it (RFC 4251, section 5): 32-bit lengths, strings, big numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kirikae::ssh {

// Reads fields off the front of bytes that somebody else wrote. nullopt: there is no such field any more; nothing is
// taken then.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  std::optional<unsigned char> byte();
  std::optional<std::uint32_t> number();
  std::optional<std::string_view> string();  // a view into the bytes
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

void append_number(std::string& bytes, std::uint32_t number);
void append_string(std::string& bytes, std::string_view string);
// `magnitude`: big-endian and not negative, leading zeros are dropped.
void append_mpint(std::string& bytes, std::string_view magnitude);

// Of a public key blob: "ssh-ed25519"; empty where the blob is none.
std::string key_type(std::string_view blob);
// As ssh-keygen's -t names it: "ed25519", "ecdsa", "rsa"; other types in full.
std::string short_key_type(std::string_view blob);
// "SHA256:…", as ssh-keygen -l prints it.
std::string fingerprint(std::string_view blob);

}  // namespace kirikae::ssh
