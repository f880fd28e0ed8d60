#include "ssh/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ssh/known_hosts.h"

namespace kirikae::ssh {
namespace {

constexpr std::string_view blanks = " \t\r\f";

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Words, of which some may be in double quotes.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const bool quoted = text.front() == '"';
    if (quoted) text.remove_prefix(1);
    const auto end = std::min(quoted ? text.find('"') : text.find_first_of(blanks), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// Former names, which count as the same directive.
std::string current_name(const std::string& directive) {
  const bool is_former = directive == "challengeresponseauthentication" || directive == "skeyauthentication" || directive == "tisauthentication";
  return is_former ? "kbdinteractiveauthentication" : directive == "dsaauthentication" ? "pubkeyauthentication" : directive;
}

}  // namespace

bool host_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return matches_patterns(fmt::format("{}", fmt::join(patterns, ",")), name, Letters::as_written);
}

std::vector<ConfigLine> config_lines(std::string_view text) {
  std::vector<ConfigLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto end = std::min(line.find_first_of(" \t=\""), line.size());
    // One equals sign may stand between the two.
    std::string_view rest = trimmed(line.substr(end));
    if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
    lines.push_back({number, lower(line.substr(0, end)), std::string(rest), words_of(rest)});
  }
  return lines;
}

ConfigReading read_config(std::string_view text, std::string_view name) {
  ConfigReading reading;
  bool chosen = true;
  for (const ConfigLine& line : config_lines(text)) {
    if (line.directive == "host") {
      chosen = host_matches(line.words, name);
    } else if (line.directive == "match") {
      chosen = line.words.size() == 1 && lower(line.words.front()) == "all";
      if (!chosen) reading.skipped.push_back(fmt::format("line {}: Match {}", line.number, line.rest));
    } else if (line.directive == "include") {
      if (chosen) reading.skipped.push_back(fmt::format("line {}: Include {}", line.number, line.rest));
    } else if (chosen && !line.words.empty()) {
      // A command has its quotes; of others they are not part.
      const std::string value = line.directive == "proxycommand" ? line.rest : fmt::format("{}", fmt::join(line.words, " "));
      reading.answer += current_name(line.directive) + ' ' + value + '\n';
    }
  }
  return reading;
}

}  // namespace kirikae::ssh
