#include "ui/ci.h"

#include <fmt/format.h>

#include <algorithm>

namespace kirikae::ui {
namespace {

// .NET trims more than blanks, all of it control characters or beyond ASCII.
bool may_be_trimmed(char c) { return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f; }

std::string deaf_line(std::string_view line) {
  std::string deaf(line);
  const auto seen = static_cast<std::size_t>(std::find_if_not(deaf.begin(), deaf.end(), may_be_trimmed) - deaf.begin());
  if (deaf.compare(seen, 2, "::") == 0) deaf.replace(seen, 1, "\\x3a");
  for (std::size_t at = 0; (at = deaf.find("##[", at)) != std::string::npos;) deaf.replace(at + 2, 1, "\\x5b");
  return deaf;
}

// The runner's own escapes, in the data of a command.
std::string escaped_data(std::string_view text) {
  std::string data;
  for (const char c : text) {
    switch (c) {
      case '%': data += "%25"; break;
      case '\r': data += "%0D"; break;
      case '\n': data += "%0A"; break;
      default: data += c;
    }
  }
  return data;
}

}  // namespace

std::string without_commands(Ci ci, std::string_view text) {
  if (ci != Ci::github) return std::string(text);
  std::string deaf;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find_first_of("\r\n", from), text.size());
    deaf += deaf_line(text.substr(from, end - from));
    if (end < text.size()) deaf += text[end];
    from = end + 1;
  }
  return deaf;
}

std::string annotation(Ci ci, std::string_view severity, std::string_view text) {
  if (ci != Ci::github) return {};
  // The runner looks for its older commands in the whole line.
  return fmt::format("::{}::{}\n", severity, escaped_data(without_commands(ci, text)));
}

std::string CiGroups::begin(std::string_view title) {
  if (ci_ == Ci::none) return fmt::format("{}\n", title);
  open_ = true;
  ++count_;
  if (ci_ == Ci::github) return fmt::format("::group::{}\n", escaped_data(without_commands(ci_, title)));
  return fmt::format("\x1b[0Ksection_start:{}:deploy_{}[collapsed=true]\r\x1b[0K{}\n", unix_now_(), count_, title);
}

std::string CiGroups::end() {
  if (!open_) return {};
  open_ = false;
  if (ci_ == Ci::github) return "::endgroup::\n";
  return fmt::format("\x1b[0Ksection_end:{}:deploy_{}\r\x1b[0K\n", unix_now_(), count_);
}

}  // namespace kirikae::ui
