#include "ssh/user_certificate.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "core/digest.h"
#include "core/shell_quote.h"
#include "ssh/local_file.h"
#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

Error unusable_certificate(const std::string& path, std::string_view why) {
  return Error(ErrorCode::local, fmt::format("can't use the certificate '{}': {}", path, why),
               "see what it is: ssh-keygen -L -f " + shell_word(path));
}

}  // namespace

Result<std::optional<UserCertificate>> read_certificate(const std::string& path) {
  TRY_ASSIGN(const auto file, read_local_file(path, key_file_limit));
  if (!file) return std::nullopt;
  std::string_view line = file->bytes;
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto space = line.find(' ');
  std::string_view encoded = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  encoded = encoded.substr(0, encoded.find(' '));
  std::string blob;
  auto certificate = from_base64(encoded, blob) ? parse_certificate(blob) : std::nullopt;
  if (!certificate || certificate->type != line.substr(0, space)) return std::unexpected(unusable_certificate(path, "it holds no certificate"));
  return UserCertificate{*std::move(certificate), path};
}

std::string UserCertificate::trouble(std::uint64_t now) const {
  if (!for_user) return fmt::format("the certificate '{}' is a host's, not a user's", path);
  if (now < valid_from) return fmt::format("the certificate '{}' is not valid before {}", path, date_of(valid_from));
  if (now >= valid_to) return fmt::format("the certificate '{}' has expired on {}", path, date_of(valid_to));
  return {};
}

std::string UserCertificate::label() const {
  std::string names;
  for (const std::string& name : principals) names.append(names.empty() ? "" : ", ").append(printable(name, certificate_name_limit));
  return fmt::format("{} ('{}' for {}{})", path, printable(id, certificate_name_limit), names.empty() ? "nobody" : names,
                     valid_to == for_ever ? "" : fmt::format(", until {}", date_of(valid_to)));
}

std::string certificate_beside(std::string_view identity) {
  if (identity.ends_with(".pub")) identity.remove_suffix(4);
  return std::string(identity) + "-cert.pub";
}

}  // namespace kirikae::ssh
