// The excludes against git itself: same patterns, same tree, same answer.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/subprocess.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/ignore.h"
#include "transfer/packing.h"
#include "transfer/tree.h"

using namespace kirikae;
using namespace kirikae::test;
namespace fs = std::filesystem;

namespace {

// What git's own check of `paths` leaves, in a repository without any index.
std::set<std::string> left_by_git(const std::string& repository, const std::string& work_tree,
                                  const std::set<std::string>& paths) {
  SubprocessCall call;
  call.argv = {"git",     "--git-dir",    repository,   "--work-tree", work_tree, "-C",
               work_tree, "check-ignore", "--no-index", "--stdin",     "-z"};
  call.environment = {{"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_NOSYSTEM", "1"}};
  for (const auto& path : paths) call.input += path + '\0';
  std::string output;
  call.on_output = [&](bool is_error, std::string_view bytes) {
    if (!is_error) output += bytes;
  };
  const auto end = run_subprocess(call);
  REQUIRE(end);
  REQUIRE(end->status <= 1);
  auto left = paths;
  std::istringstream excluded(output);
  for (std::string path; std::getline(excluded, path, '\0');) left.erase(path);
  return left;
}

std::set<std::string> left_by_us(const std::string& folder, const std::vector<std::string>& patterns) {
  std::set<std::string> left;
  const auto walked = transfer::walk_tree({folder, patterns}, {},
                                          [&](const transfer::Entry& entry, transfer::Content&) -> Result<void> {
                                            left.insert(entry.path);
                                            return {};
                                          });
  const bool nothing_left = !walked && walked.error().message.ends_with("has nothing to deploy");
  CHECK((walked || nothing_left));
  return left;
}

std::set<std::string> everything(const std::string& folder) {
  std::set<std::string> paths;
  for (const auto& found : fs::recursive_directory_iterator(folder)) {
    paths.insert(found.path().string().substr(folder.size() + 1));
  }
  return paths;
}

const std::vector<std::string> names{"a",  "b",  "ab",   "abc", "foo", "foo.o", "bar.o", "a b", "a ",  "b  ",
                                     "#x", "!y", "[x]",  "a-b", "A",   "x]y",   "*",     "a\\", "é",   "\xff\x01",
                                     "-",  "^",  "a\tb", "z9",  ".h",  "a\vb",  "]",     "{a}", "\\a", "a*b"};

void grow(Dice& dice, const std::string& folder, int depth) {
  fs::create_directories(folder);
  for (std::size_t i = 0, count = 2 + dice.below(6); i < count; ++i) {
    const auto path = folder + '/' + dice.pick(names);
    if (fs::exists(fs::symlink_status(path))) continue;
    if (depth > 0 && !dice.one_in(3)) {
      grow(dice, path, depth - 1);
    } else if (dice.one_in(6)) {
      fs::create_symlink(".", path);
    } else {
      std::ofstream(path) << 'x';
    }
  }
}

std::string random_pattern(Dice& dice) {
  const std::vector<std::string> pieces{
      "*",           "*",          "?",     "**",    "**/",         "/**/",         "/**",
      "/",           "/",          "/",     "***",   "[ab]",        "[!a]",         "[^a]",
      "[a-c]",       "[]x]",       "[!]x]", "[a-",   "[",           "[[:alpha:]]",  "[[:upper:][:digit:]]",
      "[[:space:]]", "[[:nope:]]", "[[:",   "[[:a]", "[[:]",        "[[::]]",       "[!/]",
      "[a\\]]",      "[\\a-c]",    "[c-a]", "[a-]",  "[-a]",        "[x-\\]]",      "[!-/]",
      "\\",          "\\*",        "\\a",   "\\ ",   " ",           "  ",           "#",
      "!",           "\\#",        "\\!",   "\t",    "[[:punct:]]", "[^[:alnum:]]", "[a-[:alpha:]]",
      "[[:cntrl:]]", "[\\\\]",     "**\\/", "\r"};
  std::string pattern;
  if (dice.one_in(4)) pattern += '!';
  for (std::size_t i = 0, count = 1 + dice.below(5); i < count; ++i) {
    pattern += dice.one_in(2) ? dice.pick(names) : dice.pick(pieces);
  }
  return pattern;
}

}  // namespace

TEST_CASE("excludes agree with git on random trees and patterns") {
  if (!installed("git")) FAIL("git is needed");
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const TempDir folder;
    const std::string work_tree = folder / "tree";
    const std::string repository = folder / "repository";
    Dice dice(seed);
    grow(dice, work_tree, 3);
    const auto paths = everything(work_tree);
    REQUIRE(run_program({"git", "init", "-q", "--bare", repository}).status == 0);
    for (int round = 0; round < 30; ++round) {
      std::vector<std::string> patterns;
      std::string listing;
      for (std::size_t i = 0, count = 1 + dice.below(4); i < count; ++i) patterns.push_back(random_pattern(dice));
      for (const auto& pattern : patterns) listing += pattern + '\n';
      std::ofstream(repository + "/info/exclude", std::ios::binary) << listing;
      INFO("seed " << seed << ", round " << round << ", patterns:\n" << listing);
      // As a list, and as one text with lines.
      auto ours = left_by_us(work_tree, {listing});
      CHECK(ours == left_by_git(repository, work_tree, paths));
      if (listing.find('\r') == std::string::npos) CHECK(left_by_us(work_tree, patterns) == ours);
    }
  }
}

TEST_CASE("excludes do what the documentation of .gitignore says") {
  const auto excludes = [](std::vector<std::string> patterns, std::string_view path, bool is_directory = false) {
    return transfer::IgnoreRules(patterns).excludes(path, is_directory);
  };
  CHECK(excludes({"*.map"}, "a/b/x.map"));
  CHECK_FALSE(excludes({"/*.map"}, "a/x.map"));
  CHECK(excludes({"doc/*.txt"}, "doc/a.txt"));
  CHECK_FALSE(excludes({"doc/*.txt"}, "doc/server/a.txt"));
  CHECK(excludes({"**/logs"}, "logs", true));
  CHECK(excludes({"a/**/b"}, "a/b"));
  CHECK(excludes({"a/**/b"}, "a/x/y/b"));
  CHECK(excludes({"abc/**"}, "abc/x/y"));
  CHECK_FALSE(excludes({"build/"}, "build", false));
  CHECK(excludes({"build/"}, "x/build", true));
  CHECK_FALSE(excludes({"*.log", "!keep.log"}, "keep.log"));
  CHECK(excludes({"!keep.log", "*.log"}, "keep.log"));
  CHECK_FALSE(excludes({"# a", "", "   "}, "# a"));
  CHECK(excludes({"\\# a"}, "# a"));
  CHECK(excludes({"a   "}, "a"));
  CHECK(excludes({"a\\ "}, "a "));
}

TEST_CASE("a pattern of many stars costs no more than its length times the name's") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  const transfer::IgnoreRules rules({pattern + "b*c"});
  CHECK_FALSE(rules.excludes(std::string(4000, 'a'), false));  // by trying each way it would not end
}
