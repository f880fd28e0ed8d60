#include "ssh/wire.h"

#include "core/digest.h"

namespace kirikae::ssh {

std::optional<unsigned char> WireReader::byte() {
  if (rest_.empty()) return std::nullopt;
  const auto value = static_cast<unsigned char>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::optional<std::uint32_t> WireReader::number() {
  if (rest_.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : rest_.substr(0, 4)) value = value << 8U | static_cast<unsigned char>(c);
  rest_.remove_prefix(4);
  return value;
}

std::optional<std::string_view> WireReader::string() {
  WireReader ahead = *this;
  const auto size = ahead.number();
  if (!size || *size > ahead.rest_.size()) return std::nullopt;
  const auto value = ahead.rest_.substr(0, *size);
  rest_ = ahead.rest_.substr(*size);
  return value;
}

void append_number(std::string& bytes, std::uint32_t number) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(number >> shift & 0xffU);
}

void append_string(std::string& bytes, std::string_view string) {
  append_number(bytes, static_cast<std::uint32_t>(string.size()));
  bytes += string;
}

void append_mpint(std::string& bytes, std::string_view magnitude) {
  while (!magnitude.empty() && magnitude.front() == '\0') magnitude.remove_prefix(1);
  const bool looks_negative = !magnitude.empty() && (static_cast<unsigned char>(magnitude.front()) & 0x80U) != 0;
  append_number(bytes, static_cast<std::uint32_t>(magnitude.size() + (looks_negative ? 1 : 0)));
  if (looks_negative) bytes += '\0';
  bytes += magnitude;
}

std::string key_type(std::string_view blob) {
  const auto type = WireReader(blob).string();
  return type ? std::string(*type) : std::string();
}

std::string short_key_type(std::string_view blob) {
  std::string type = key_type(blob);
  if (type == "ssh-ed25519") return "ed25519";
  if (type == "ssh-rsa") return "rsa";
  return type.starts_with("ecdsa-") ? "ecdsa" : type;
}

std::string fingerprint(std::string_view blob) {
  std::string text = to_base64(sha256_bytes(blob));
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

}  // namespace kirikae::ssh
