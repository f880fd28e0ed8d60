#include "ssh/known_hosts.h"

#include <algorithm>

#include "core/digest.h"
#include "core/letters.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::string_view list_blanks = " \t";

std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(list_blanks), rest.size()));
  const auto word = rest.substr(0, rest.find_first_of(list_blanks));
  rest.remove_prefix(word.size());
  return word;
}

// Empty: fine.
std::string parse_names(std::string_view names, KnownHostsLine& line) {
  if (names.empty() || names.front() != '|') {
    line.patterns = names;
    return {};
  }
  if (!names.starts_with("|1|")) return "unknown way of hashing the name";
  names.remove_prefix(3);
  const auto bar = names.find('|');
  if (bar == std::string_view::npos || !from_base64(names.substr(0, bar), line.salt) || line.salt.size() != 20 ||
      !from_base64(names.substr(bar + 1), line.hash) || line.hash.size() != 20) {
    return "broken hashed name";
  }
  return {};
}

std::string parse_line(std::string_view text, KnownHostsLine& line) {
  std::string_view names = take_word(text);
  if (names.starts_with('@')) {
    if (names == "@revoked") {
      line.marker = KnownHostsLine::Marker::revoked;
    } else if (names == "@cert-authority") {
      line.marker = KnownHostsLine::Marker::cert_authority;
    } else {
      return "unknown marker";
    }
    names = take_word(text);
  }
  const std::string_view type = take_word(text);
  const std::string_view key = take_word(text);
  if (key.empty()) return "no key";
  if (auto why = parse_names(names, line); !why.empty()) return why;
  if (!from_base64(key, line.key)) return "the key is no base64";
  if (type.empty() || key_type(line.key) != type) return "the key is not of the type that the line says";
  return {};
}

}  // namespace

KnownHosts parse_known_hosts(std::string_view text) {
  KnownHosts all;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto start = line.find_first_not_of(list_blanks);
    if (start == std::string_view::npos || line[start] == '#') continue;

    KnownHostsLine parsed;
    parsed.line = number;
    if (auto why = parse_line(line, parsed); !why.empty()) {
      all.bad_lines.push_back({number, std::move(why)});
    } else {
      all.lines.push_back(std::move(parsed));
    }
  }
  return all;
}

bool names_one_host(const KnownHostsLine& line) { return line.patterns.find_first_of("*?!,") == std::string::npos; }

std::string listed_name(std::string_view host, int port) {
  const std::string name = lower(host);
  return port == 22 ? name : "[" + name + "]:" + std::to_string(port);
}

bool speaks_of(const KnownHostsLine& line, std::string_view name) {
  return line.hash.empty() ? matches_patterns(line.patterns, name) : hmac_sha1_bytes(line.salt, name) == line.hash;
}

// Iterative, one star to go back to: linear in practice and never exponential.
bool matches_pattern(std::string_view pattern, std::string_view name, Letters letters) {
  const auto letter = [&](char c) { return letters == Letters::any_case ? lower(c) : c; };
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_end = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || letter(pattern[p]) == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches_patterns(std::string_view patterns, std::string_view name, Letters letters) {
  bool found = false;
  while (!patterns.empty()) {
    std::string_view pattern = patterns.substr(0, patterns.find(','));
    patterns.remove_prefix(std::min(pattern.size() + 1, patterns.size()));
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (!matches_pattern(pattern, name, letters)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

}  // namespace kirikae::ssh
