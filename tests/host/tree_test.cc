// The list of a release's files.
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "host/releases.h"
#include "release/tree.h"
#include "support/catch.h"

namespace kirikae::test {

namespace {

using Kind = release::TreeEntry::Kind;

release::Tree tree_of(Site& site, const release::Facts& facts) {
  const auto ended = site.control.run(host::tree(site.layout(), id1, facts));
  INFO(ended);
  REQUIRE(ended.status == 0);
  REQUIRE(ended.err.empty());
  auto tree = release::parse_tree(ended.out);
  REQUIRE(tree);
  return *tree;
}

std::string sum(std::string_view bytes) { return to_hex(sha256_bytes(bytes)); }

}  // namespace

TEST_CASE("A release is listed file by file, with modes and sums, whatever the names are") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const std::string root = "srv/app/releases/" + id1 + "/";
  const std::vector<std::string> names = {"plain", "-rf", "two words", "it's \"quoted\"", "new\nline", "carriage\rreturn", "back\\slash", "\xff\xfe not utf-8", "$(id)",
                                          "tail = " + std::string(64, 'a'), "dir/in", "dir/sub/deep\n"};
  const std::string shared = std::string("../../..") + "/shared";  // from a folder of a release
  for (const auto& name : names) site.disk.write(root + name, "content of " + name, 0640);
  site.disk.write(root + "bin/run", "#!", 0755);
  site.disk.write(root + "empty", "");
  site.disk.make_folder(root + "hollow", 0750);
  site.disk.make_link(shared + "/log", root + "log");
  site.disk.make_link("new\nline\n", root + "li\nnk");
  site.disk.make_link(".", root + "round");
  REQUIRE(mkfifo((site.disk / (root + "pipe")).c_str(), 0600) == 0);
  auto facts = site.facts();
  if (GENERATE(false, true)) facts.hash = "sha256sum";
  const auto tree = tree_of(site, facts);
  for (const auto& name : names) {
    INFO(name);
    REQUIRE(tree.contains(name));
    CHECK(tree.at(name) == release::TreeEntry{Kind::file, 0640, sum("content of " + name)});
  }
  CHECK(tree.at("bin/run") == release::TreeEntry{Kind::file, 0755, sum("#!")});
  CHECK(tree.at("empty") == release::TreeEntry{Kind::file, 0644, sum("")});
  CHECK(tree.at("hollow") == release::TreeEntry{Kind::directory, 0750, ""});
  CHECK(tree.at("dir/sub").kind == Kind::directory);
  CHECK(tree.at("log") == release::TreeEntry{Kind::link, 0, shared + "/log"});
  CHECK(tree.at("li\nnk") == release::TreeEntry{Kind::link, 0, "new\nline\n"});
  CHECK(tree.at("round") == release::TreeEntry{Kind::link, 0, "."});
  CHECK(tree.at("pipe").kind == Kind::other);
  CHECK(tree.size() == names.size() + 10);
}

TEST_CASE("What can't be read of a release is named, and the rest is listed; tools that are missing are done without") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const std::string root = "srv/app/releases/" + id1 + "/";
  for (int i = 0; i < 30; ++i) site.disk.write(root + "many/" + std::to_string(i), "x");
  site.disk.write(root + "secret", "s", 0000);
  site.disk.write(root + "closed/in", "s");
  site.disk.make_folder(root + "closed", 0000);
  auto facts = site.facts();
  const auto tree = tree_of(site, facts);
  CHECK(tree.at("secret").kind == Kind::unreadable);
  CHECK(tree.at("closed").kind == Kind::unreadable);
  CHECK(tree.at("many/17") == release::TreeEntry{Kind::file, 0644, sum("x")});
  CHECK(tree.size() == 33);
  site.disk.make_folder(root + "closed", 0755);
  // Without stat, ls tells the modes.
  auto command = host::tree(site.layout(), id1, facts);
  command.text = "stat() { return 127; }\n" + command.text;
  const auto ended = site.control.run(command);
  INFO(ended);
  auto again = release::parse_tree(ended.out);
  REQUIRE(again);
  CHECK(again->at("many/17") == release::TreeEntry{Kind::file, 0644, sum("x")});
  CHECK(again->at("closed").mode == 0755);
  facts.hash = "";
  CHECK(site.control.run(host::tree(site.layout(), id1, facts)).status == 1);
  facts.hash = "sha256sum";
  CHECK(tree_of(site, facts).at("many/3").content == sum("x"));
}

TEST_CASE("Where no release is live, the list is empty; where it is gone, that is said") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto facts = site.facts();
  const auto ended = site.control.run(host::tree(site.layout(), "", facts));
  CHECK(ended.out == "end 0\n");
  const auto gone = site.control.run(host::tree(site.layout(), id1, facts));
  CHECK(gone.status == 1);
  CHECK(gone.err == "release '" + id1 + "' is not in '" + site.layout().releases() + "'\n");
}

}  // namespace kirikae::test
