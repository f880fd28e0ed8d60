#include "ssh/user_certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <utility>

#include "core/digest.h"
#include "core/shell_quote.h"
#include "ssh/local_file.h"
#include "ssh/printable.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t file_limit = 1U << 20U;
constexpr std::size_t name_limit = 100;
constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

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

std::string date_of(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(std::min<std::uint64_t>(seconds, 253402300799));  // the last of year 9999
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min);
}

Error unusable(const std::string& path, std::string_view why) {
  return Error(ErrorCode::local, fmt::format("can't use the certificate '{}': {}", path, why),
               "see what it is: ssh-keygen -L -f " + shell_word(path));
}

}  // namespace

std::optional<UserCertificate> parse_certificate(std::string_view blob) {
  WireReader reader(blob);
  const auto type = reader.string();
  const Kind* kind = nullptr;
  for (const Kind& known : kinds) {
    if (type == known.certificate) kind = &known;
  }
  if (kind == nullptr || !reader.string()) return std::nullopt;  // a random number
  UserCertificate certificate;
  certificate.blob = blob;
  certificate.type = *type;
  append_string(certificate.key_blob, kind->key);
  for (int i = 0; i < kind->fields; ++i) {
    const auto field = reader.string();
    if (!field) return std::nullopt;
    append_string(certificate.key_blob, *field);
  }
  const auto serial = long_number(reader);
  const auto purpose = reader.number();
  const auto id = reader.string();
  const auto principals = reader.string();
  const auto from = long_number(reader);
  const auto to = long_number(reader);
  if (!serial || !purpose || !id || !principals || !from || !to || *purpose < 1 || *purpose > 2) return std::nullopt;
  // Critical options, extensions, nothing yet, the authority's key, its signature.
  for (int i = 0; i < 5; ++i) {
    if (!reader.string()) return std::nullopt;
  }
  if (!reader.rest().empty()) return std::nullopt;
  certificate.for_user = *purpose == 1;
  certificate.serial = *serial;
  certificate.id = *id;
  certificate.valid_from = *from;
  certificate.valid_to = *to;
  for (WireReader names(*principals); !names.rest().empty();) {
    const auto name = names.string();
    if (!name) return std::nullopt;
    certificate.principals.emplace_back(*name);
  }
  return certificate;
}

Result<std::optional<UserCertificate>> read_certificate(const std::string& path) {
  TRY_ASSIGN(const auto file, read_local_file(path, file_limit));
  if (!file) return std::nullopt;
  std::string_view line = file->bytes;
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto space = line.find(' ');
  std::string_view encoded = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  encoded = encoded.substr(0, encoded.find(' '));
  std::string blob;
  auto certificate = from_base64(encoded, blob) ? parse_certificate(blob) : std::nullopt;
  if (!certificate || certificate->type != line.substr(0, space)) return std::unexpected(unusable(path, "it holds no certificate"));
  certificate->path = path;
  return certificate;
}

std::string UserCertificate::trouble(std::uint64_t now) const {
  if (!for_user) return fmt::format("the certificate '{}' is a host's, not a user's", path);
  if (now < valid_from) return fmt::format("the certificate '{}' is not valid before {}", path, date_of(valid_from));
  if (now >= valid_to) return fmt::format("the certificate '{}' has expired on {}", path, date_of(valid_to));
  if (principals.empty()) return fmt::format("the certificate '{}' names no user", path);
  return {};
}

std::string UserCertificate::label() const {
  std::string names;
  for (const std::string& name : principals) names.append(names.empty() ? "" : ", ").append(printable(name, name_limit));
  return fmt::format("{} ('{}' for {}{})", path, printable(id, name_limit), names.empty() ? "nobody" : names,
                     valid_to == for_ever ? "" : fmt::format(", until {}", date_of(valid_to)));
}

std::string certificate_beside(std::string_view identity) {
  if (identity.ends_with(".pub")) identity.remove_suffix(4);
  return std::string(identity) + "-cert.pub";
}

}  // namespace kirikae::ssh
