#include "ssh/certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t most_principals = 256;  // OpenSSH's limit

struct Kind {
  std::string_view certificate;
  std::string_view key;
  int fields;  // of the public key
};
constexpr std::array<Kind, 7> kinds{{
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1},
    {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2},
    {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", 3},
}};

std::optional<std::uint64_t> long_number(WireReader& reader) {
  const auto high = reader.number();
  const auto low = reader.number();
  if (!high || !low) return std::nullopt;
  return static_cast<std::uint64_t>(*high) << 32U | *low;
}

// Text that C programs read, too: what is behind a NUL would be there for some and not for others.
std::optional<std::string> text_field(WireReader& reader) {
  const auto bytes = reader.string();
  if (!bytes || bytes->find('\0') != std::string_view::npos) return std::nullopt;
  return std::string(*bytes);
}

// The plain key: its type and fields.
std::optional<std::string> key_inside(WireReader& reader, const Kind& kind) {
  std::string key;
  append_string(key, kind.key);
  for (int i = 0; i < kind.fields; ++i) {
    const auto field = reader.string();
    if (!field) return std::nullopt;
    append_string(key, *field);
  }
  return key;
}

std::optional<std::vector<std::string>> principals_in(std::string_view list) {
  std::vector<std::string> names;
  for (WireReader reader(list); !reader.rest().empty();) {
    auto name = text_field(reader);
    if (!name || names.size() == most_principals) return std::nullopt;
    names.push_back(*std::move(name));
  }
  return names;
}

// Critical options and extensions: a name and its data by turns.
std::optional<std::vector<std::string>> option_names_of(std::string_view list) {
  std::vector<std::string> names;
  for (WireReader reader(list); !reader.rest().empty();) {
    auto name = text_field(reader);
    if (!name || !reader.string()) return std::nullopt;
    names.push_back(*std::move(name));
  }
  return names;
}

// What is behind the key. False: it isn't what it should be.
bool read_claims(WireReader& reader, Certificate& certificate) {
  const auto serial = long_number(reader);
  const auto purpose = reader.number();
  auto id = text_field(reader);
  const auto principals = reader.string();
  const auto from = long_number(reader);
  const auto to = long_number(reader);
  const auto critical = reader.string();
  const auto extensions = reader.string();
  const auto reserved = reader.string();
  if (!serial || !purpose || *purpose < 1 || *purpose > 2 || !id || !principals || !from || !to || !critical ||
      !extensions || !reserved) {
    return false;
  }
  auto names = principals_in(*principals);
  auto options = option_names_of(*critical);
  if (!names || !options || !option_names_of(*extensions)) return false;
  certificate.serial = *serial;
  certificate.for_user = *purpose == 1;
  certificate.id = *std::move(id);
  certificate.principals = *std::move(names);
  certificate.valid_from = *from;
  certificate.valid_to = *to;
  certificate.critical_options = *std::move(options);
  return true;
}

}  // namespace

std::optional<Certificate> parse_certificate(std::string_view blob) {
  WireReader reader(blob);
  const auto type = reader.string();
  const auto* const kind = std::ranges::find_if(kinds, [&](const Kind& known) { return type == known.certificate; });
  if (kind == kinds.end() || !reader.string()) return std::nullopt;  // a random number
  Certificate certificate;
  certificate.blob = blob;
  certificate.type = *type;
  auto key = key_inside(reader, *kind);
  if (!key || !read_claims(reader, certificate)) return std::nullopt;
  certificate.key_blob = *std::move(key);
  const auto authority = reader.string();
  certificate.signed_size = blob.size() - reader.rest().size();
  const auto signature = reader.string();
  if (!authority || !signature || !reader.rest().empty()) return std::nullopt;
  certificate.authority = *authority;
  certificate.signature = *signature;
  return certificate;
}

bool is_certificate(std::string_view blob) { return key_type(blob).ends_with("-cert-v01@openssh.com"); }

std::string plain_key(std::string_view blob) {
  if (!is_certificate(blob)) return std::string(blob);
  auto certificate = parse_certificate(blob);
  return certificate ? std::move(certificate->key_blob) : std::string(blob);
}

std::string date_of(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(std::min<std::uint64_t>(seconds, 253402300799));  // the last of year 9999
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min);
}

}  // namespace kirikae::ssh
