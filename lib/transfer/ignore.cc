#include "transfer/ignore.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kirikae::transfer {
namespace {

std::size_t index_of(char c) { return static_cast<unsigned char>(c); }

// As git does: blanks at the end go, unless a backslash stands before them.
std::string_view without_trailing_spaces(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') continue;
    if (line[i] == '\\') ++i;
    end = i + 1;
  }
  return line.substr(0, end);
}

// ASCII whatever the locale is; space is git's own notion (no vertical tab, no form feed).
bool in_class(std::string_view name, unsigned char c, bool& known) {
  const bool lower = c >= 'a' && c <= 'z';
  const bool upper = c >= 'A' && c <= 'Z';
  const bool digit = c >= '0' && c <= '9';
  const bool graph = c > ' ' && c < 127;
  const std::array<std::pair<std::string_view, bool>, 12> classes{{
      {"alnum", lower || upper || digit},
      {"alpha", lower || upper},
      {"blank", c == ' ' || c == '\t'},
      {"cntrl", c < ' ' || c == 127},
      {"digit", digit},
      {"graph", graph},
      {"lower", lower},
      {"print", graph || c == ' '},
      {"punct", graph && !lower && !upper && !digit},
      {"space", c == ' ' || c == '\t' || c == '\n' || c == '\r'},
      {"upper", upper},
      {"xdigit", digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')},
  }};
  const auto found = std::ranges::find(classes, name, &std::pair<std::string_view, bool>::first);
  known = found != classes.end();
  return known && found->second;
}

}  // namespace

IgnoreRules::IgnoreRules(const std::vector<std::string>& patterns) {
  for (const std::string_view text : patterns) {
    for (std::size_t from = 0; from <= text.size();) {
      const auto to = std::min(text.find('\n', from), text.size());
      auto line = text.substr(from, to - from);
      if (to < text.size() && line.ends_with('\r')) line.remove_suffix(1);
      add(line);
      from = to + 1;
    }
  }
}

void IgnoreRules::add(std::string_view line) {
  if (line.starts_with('#')) return;
  line = without_trailing_spaces(line);
  Rule rule;
  if (line.starts_with('!')) {
    rule.negated = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    rule.directories_only = true;
    line.remove_suffix(1);
  }
  if (line.empty()) return;
  rule.whole_path = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);

  // git compares the part before the first wildcard on its own, and reads a `**` right after it as if the pattern began there:
  // `a**/b` excludes a/b and ax/b, and ax/y/b too.
  const auto wild = std::min(line.find_first_of("*?[\\"), line.size());
  for (const char c : line.substr(0, wild)) rule.tokens.push_back({Token::Kind::literal, c, {}});
  if (tokenise(line.substr(wild), rule.tokens)) rules_.push_back(std::move(rule));
}

// False: no path can match.
bool IgnoreRules::tokenise(std::string_view pattern, std::vector<Token>& tokens) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '?') {
      tokens.push_back({Token::Kind::any_byte, 0, {}});
    } else if (c == '[') {
      Token token{Token::Kind::bracket, 0, {}};
      if (!read_bracket(pattern, at, token)) return false;
      tokens.push_back(std::move(token));
    } else if (c == '*') {
      const auto first = at;
      while (at + 1 < pattern.size() && pattern[at + 1] == '*') ++at;
      const auto rest = pattern.substr(at + 1);
      const bool alone = (first == 0 || pattern[first - 1] == '/') &&
                         (rest.empty() || rest.starts_with('/') || rest.starts_with("\\/"));
      if (at == first || !alone) {
        tokens.push_back({Token::Kind::star, 0, {}});
      } else if (rest.starts_with('/')) {
        tokens.push_back({Token::Kind::star_star_slash, 0, {}});
        ++at;
      } else {
        tokens.push_back({Token::Kind::star_star, 0, {}});
      }
    } else {
      if (c == '\\' && ++at == pattern.size()) return false;
      tokens.push_back({Token::Kind::literal, pattern[at], {}});
    }
  }
  return true;
}

// `at` is on the `[`, and is left on the `]`. False: the bracket has no end, or names no class.
bool IgnoreRules::read_bracket(std::string_view pattern, std::size_t& at, Token& token) {
  token.bytes.assign(256, false);
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  int before = -1;  // the byte that a range could start with
  for (bool first = true;; first = false, ++i) {
    if (i >= pattern.size()) return false;
    char c = pattern[i];
    if (c == ']' && !first) break;
    const bool range = c == '-' && before >= 0 && i + 1 < pattern.size() && pattern[i + 1] != ']';
    if (c == '[' && i + 1 < pattern.size() && pattern[i + 1] == ':') {
      const auto close = pattern.find(']', i + 2);
      if (close == std::string_view::npos) return false;
      if (close > i + 2 && pattern[close - 1] == ':') {
        const auto name = pattern.substr(i + 2, close - i - 3);
        bool known = false;
        for (std::size_t b = 0; b < 256; ++b) {
          if (in_class(name, static_cast<unsigned char>(b), known)) token.bytes[b] = true;
        }
        if (!known) return false;
        i = close;
        before = -1;
        continue;
      }
    }
    if (range) c = pattern[++i];
    if (c == '\\') {
      if (++i >= pattern.size()) return false;
      c = pattern[i];
    }
    for (std::size_t b = range ? static_cast<std::size_t>(before) : index_of(c); b <= index_of(c); ++b)
      token.bytes[b] = true;
    before = range ? -1 : static_cast<int>(index_of(c));
  }
  if (negated) token.bytes.flip();
  token.bytes[index_of('/')] = false;
  at = i;
  return true;
}

// All ways through the tokens at once: the cost is tokens × bytes, whatever the pattern. `here[t]`: the text so far can have
// been matched by the first t tokens.
bool IgnoreRules::matches(std::span<const Token> tokens, std::string_view text) {
  using enum Token::Kind;
  // Literals at either end decide most questions.
  while (!tokens.empty() && tokens.front().kind == literal) {
    if (!text.starts_with(tokens.front().byte)) return false;
    tokens = tokens.subspan(1);
    text.remove_prefix(1);
  }
  while (!tokens.empty() && tokens.back().kind == literal) {
    if (!text.ends_with(tokens.back().byte)) return false;
    tokens = tokens.first(tokens.size() - 1);
    text.remove_suffix(1);
  }
  const auto count = tokens.size();
  std::vector<bool> here(count + 1, false);
  std::vector<bool> next(count + 1, false);
  std::vector<bool> inside(count + 1, false);  // a star_star_slash that has begun, and must end with a slash
  const auto skip_empty = [&](std::vector<bool>& states) {
    for (std::size_t t = 0; t < count; ++t) {
      const auto kind = tokens[t].kind;
      if (states[t] && (kind == star || kind == star_star || kind == star_star_slash)) states[t + 1] = true;
    }
  };
  here[0] = true;
  skip_empty(here);
  for (const char c : text) {
    next.assign(count + 1, false);
    for (std::size_t t = 0; t < count; ++t) {
      const Token& token = tokens[t];
      if (token.kind == star_star_slash) {
        inside[t] = inside[t] || here[t];
        if (inside[t] && c == '/') next[t + 1] = true;
        continue;
      }
      if (!here[t]) continue;
      switch (token.kind) {
        case literal:
          next[t + 1] = next[t + 1] || token.byte == c;
          break;
        case any_byte:
          next[t + 1] = next[t + 1] || c != '/';
          break;
        case bracket:
          next[t + 1] = next[t + 1] || token.bytes[index_of(c)];
          break;
        case star:
          next[t] = next[t] || c != '/';
          break;
        case star_star:
          next[t] = true;
          break;
        case star_star_slash:
          break;
      }
    }
    skip_empty(next);
    here.swap(next);
  }
  return here[count];
}

bool IgnoreRules::excludes(std::string_view path, bool is_directory) const {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->directories_only && !is_directory) continue;
    if (matches(rule->tokens, rule->whole_path ? path : name)) return !rule->negated;
  }
  return false;
}

}  // namespace kirikae::transfer
