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

bool matches(const std::vector<std::string>& patterns, std::string_view name) {
  std::string list;
  for (const std::string& pattern : patterns) list += (list.empty() ? "" : ",") + pattern;
  return matches_patterns(list, lower(name));
}

}  // namespace

ConfigReading read_config(std::string_view text, std::string_view name) {
  ConfigReading reading;
  bool chosen = true;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto end = std::min(line.find_first_of(" \t=\""), line.size());
    const std::string directive = lower(line.substr(0, end));
    // One equals sign may stand between the two.
    std::string_view rest = trimmed(line.substr(end));
    if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
    const auto words = words_of(rest);
    if (directive == "host") {
      chosen = matches(words, name);
    } else if (directive == "match") {
      chosen = words.size() == 1 && lower(words.front()) == "all";
      if (!chosen) reading.skipped.push_back(fmt::format("line {}: Match {}", number, rest));
    } else if (directive == "include") {
      if (chosen) reading.skipped.push_back(fmt::format("line {}: Include {}", number, rest));
    } else if (chosen && !words.empty()) {
      // A command has its quotes; of others they are not part.
      const std::string value = directive == "proxycommand" ? std::string(rest) : fmt::format("{}", fmt::join(words, " "));
      reading.answer += directive + ' ' + value + '\n';
    }
  }
  return reading;
}

}  // namespace kirikae::ssh
