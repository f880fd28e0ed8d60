#include "ssh/openssh_log.h"

#include <algorithm>
#include <array>
#include <optional>

#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t longest_line = 4096;

bool has(std::string_view line, std::string_view words) { return line.find(words) != std::string_view::npos; }

// What is no complaint though it stands there.
bool is_idle(std::string_view line) {
  constexpr std::array begins = {"Authenticated to ", "Warning: Permanently added ", "Transferred: ", "Bytes per second: ", "@"};
  return line.empty() || std::ranges::any_of(begins, [&](std::string_view begin) { return line.starts_with(begin); });
}

std::optional<ErrorCode> meaning(std::string_view line) {
  struct Sign {
    std::string_view words;
    ErrorCode code;
  };
  constexpr std::array signs = {
      Sign{"requested strict checking", ErrorCode::host_key}, Sign{"Host key verification failed", ErrorCode::host_key},
      Sign{"Permission denied (", ErrorCode::auth}, Sign{"Too many authentication failures", ErrorCode::auth},
      Sign{"timed out", ErrorCode::timeout}, Sign{"Timeout, server ", ErrorCode::timeout}};
  for (const Sign& sign : signs) {
    if (has(line, sign.words)) return sign.code;
  }
  return std::nullopt;
}

}  // namespace

void OpensshLogReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, bytes.find('\n'));
    begun_ += part.substr(0, longest_line - std::min(longest_line, begun_.size()));
    if (part.size() == bytes.size()) return;
    read(begun_);
    begun_.clear();
    bytes.remove_prefix(part.size() + 1);
  }
}

void OpensshLogReader::read(std::string_view line) {
  constexpr std::string_view debug = "debug1: ";
  while (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(debug)) {
    line.remove_prefix(debug.size());
    if (line.starts_with("Remote protocol version ")) log_.greeted = true;
    if (line.starts_with("Entering interactive session")) log_.logged_in = true;
    if ((line.starts_with("Server host key: ") || line.starts_with("Server host certificate: ")) && log_.host_key.empty()) {
      const auto begin = std::min(line.find("SHA256:"), line.size());
      log_.host_key = line.substr(begin, line.find_first_of(" ,", begin) - begin);
    }
    return;
  }
  if (line.starts_with("Warning: Permanently added ")) log_.new_key = printable(line.substr(9), longest_openssh_words);
  if (line.starts_with("sign_and_send_pubkey: signing failed")) log_.signing_failed = true;
  if (line.starts_with("Failed to add the host")) log_.not_kept = printable(line, longest_openssh_words);
  if (settled_ || is_idle(line)) return;
  const auto means = meaning(line);
  log_.complaint = printable(line, longest_openssh_words);
  log_.code = means.value_or(ErrorCode::connect);
  settled_ = means.has_value();
}

OpensshLog read_openssh_log(std::string_view text) {
  OpensshLogReader reader;
  reader.feed(text);
  reader.feed("\n");
  return reader.log();
}

}  // namespace kirikae::ssh
