// Patterns and a path. git's own answers are compared in tests/transfer; here it is what holds for all of them.
#include <algorithm>

#include "fuzz/driver.h"
#include "transfer/ignore.h"

namespace kirikae::fuzz {
namespace {

using transfer::IgnoreRules;

// A pattern that stands for just this path.
std::string literal(std::string_view path) {
  std::string pattern = "/";
  for (const char c : path) {
    if (c != '/') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool is_path(std::string_view text) {
  return !text.empty() && text.front() != '/' && text.back() != '/' &&
         text.find_first_of({"\n\0", 2}) == std::string_view::npos;
}

}  // namespace

// Patterns, one a line; the last line is the path.
std::vector<std::string> seeds() {
  return {"*.map\n!keep.map\na/b/keep.map", "/build/\nbuild",
          "a/**/b\n**/c\nd/**\na/x/y/b",    "[a-z]*[[:digit:]]\n[!x]?[]-]\n[^[:upper:]]\nab9",
          "\\#a\\ \\\\\n# no\n   \n#a \\",  "foo**/bar\n**foo\n***\nfoo/bar",
          "[a-\n[[:\n[[:nope:]]\n\\\nx",    "a*a*a*a*a*a*a*a*b\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
}

void try_input(std::string_view input) {
  const auto end = input.rfind('\n');
  if (end == std::string_view::npos) return;
  const std::string patterns(input.substr(0, end));
  const std::string path(input.substr(end + 1));
  const IgnoreRules rules({patterns});
  const bool excluded = rules.excludes(path, true);
  // What only directories match can't be what a file adds.
  if (std::ranges::count(patterns, '!') == 0 && rules.excludes(path, false)) {
    must(excluded, "a pattern that excludes a file excludes a directory of its name");
  }
  if (!is_path(path)) return;
  must(IgnoreRules({patterns, "**"}).excludes(path, false), "the last pattern wins: all");
  must(!IgnoreRules({patterns, "!**"}).excludes(path, true), "the last pattern wins: none");
  must(IgnoreRules({patterns, literal(path)}).excludes(path, false), "a path written as a pattern excludes itself");
  must(!IgnoreRules({literal(path)}).excludes(path + "x", false), "and nothing else");
  must(!IgnoreRules({literal(path)}).excludes("x/" + path, false), "not below another folder either");
}

}  // namespace kirikae::fuzz
