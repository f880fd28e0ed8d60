// IgnoreRules: .gitignore patterns, read and applied as git does, for the `exclude` list of a directory source.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::transfer {

class IgnoreRules {
 public:
  // In order: the last pattern that matches decides. A string with newlines is as many patterns. No pattern is an error: as in
  // git, one that can't match (`[a`, a trailing backslash) matches nothing.
  explicit IgnoreRules(const std::vector<std::string>& patterns);

  // `path` is relative to the source, without a leading or trailing slash. Asked from the top down: what lies in an excluded
  // directory is never asked about, and so can't be brought back by a later `!`.
  [[nodiscard]] bool excludes(std::string_view path, bool is_directory) const;

 private:
  struct Token {
    enum class Kind {
      literal,         // the byte `byte`
      any_byte,        // ?
      bracket,         // [...]
      star,            // any bytes but a slash
      star_star,       // any bytes at all
      star_star_slash  // nothing, or any bytes and a slash
    } kind;
    char byte = 0;
    std::vector<bool> bytes;  // of a bracket: 256
  };
  struct Rule {
    std::vector<Token> tokens;
    bool negated = false;
    bool directories_only = false;
    bool whole_path = false;  // else only the last name of the path is compared
  };

  void add(std::string_view line);
  static bool tokenise(std::string_view pattern, std::vector<Token>& tokens);
  static bool read_bracket(std::string_view pattern, std::size_t& at, Token& token);
  static bool matches(std::span<const Token> tokens, std::string_view text);

  std::vector<Rule> rules_;
};

}  // namespace kirikae::transfer
