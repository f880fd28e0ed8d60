#include "ssh/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/letters.h"
#include "ssh/known_hosts.h"

namespace kirikae::ssh {
namespace {

constexpr std::string_view config_blanks = " \t\r\f";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(config_blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(config_blanks) - first + 1);
}

// As ssh splits them: quotes of both kinds may stand within a word, a backslash has a meaning in front of quotes, of another one and, outside of
// quotes, of a blank, and a word that begins with # begins a comment.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty() && text.front() != '#'; text = trimmed(text)) {
    std::string& word = words.emplace_back();
    char quote = '\0';
    std::size_t i = 0;
    for (; i < text.size() && (quote != '\0' || !config_blanks.contains(text[i])); ++i) {
      const char c = text[i];
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (c == '\\' && (next == '\'' || next == '"' || next == '\\' || (next == ' ' && quote == '\0'))) {
        word += text[++i];
      } else if (quote == '\0' ? c == '"' || c == '\'' : c == quote) {
        quote = quote == '\0' ? c : '\0';
      } else {
        word += c;
      }
    }
    text.remove_prefix(i);
  }
  return words;
}

// Taken off the line, with what stands between it and the rest: blanks, and one equals sign. Some of it may be quoted.
std::string take_keyword(std::string_view& line) {
  const auto end = std::min(line.find_first_of(" \t=\""), line.size());
  std::string keyword(line.substr(0, end));
  line.remove_prefix(end);
  if (line.starts_with('"')) {
    const auto quoted = line.substr(1, line.find('"', 1) - 1);
    keyword += quoted;
    line = trimmed(line.substr(std::min(quoted.size() + 2, line.size())));
  } else {
    line = trimmed(line);
    if (line.starts_with('=')) line = trimmed(line.substr(1));
  }
  return lower(keyword);
}

// Former names, which count as the same directive.
std::string current_name(const std::string& directive) {
  const bool is_former = directive == "challengeresponseauthentication" || directive == "skeyauthentication" || directive == "tisauthentication";
  return is_former ? "kbdinteractiveauthentication" : directive == "dsaauthentication" ? "pubkeyauthentication" : directive;
}

}  // namespace

bool host_matches(const std::vector<std::string>& patterns, std::string_view name) {
  bool found = false;
  for (const std::string_view pattern : patterns) {
    const bool negated = pattern.starts_with('!');
    if (!matches_pattern(pattern.substr(negated ? 1 : 0), name, Letters::as_written)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

std::vector<ConfigLine> config_lines(std::string_view text) {
  std::vector<ConfigLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    if (line.empty() || line.front() == '#') continue;
    std::string keyword = take_keyword(line);
    if (keyword.empty()) keyword = take_keyword(line);  // an equals sign in front
    lines.push_back({number, std::move(keyword), std::string(line), words_of(line)});
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
