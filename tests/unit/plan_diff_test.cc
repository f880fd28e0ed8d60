#include "plan/diff.h"

#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;
using Kind = release::TreeEntry::Kind;

namespace {

const std::string sum_a(64, 'a'), sum_b(64, 'b');

release::TreeEntry file_entry(const std::string& sum = sum_a, unsigned mode = 0644) { return {Kind::file, mode, sum}; }
release::TreeEntry folder(unsigned mode = 0755) { return {Kind::directory, mode, ""}; }
release::TreeEntry link_to(const std::string& text) { return {Kind::link, 0, text}; }

std::string with_nuls(std::string text) {
  for (char& c : text) {
    if (c == '|') c = '\0';
  }
  return text;
}

}  // namespace

TEST_CASE("the difference of a release and its source tells what a deploy would add, remove and change") {
  const release::Tree source = {{"app.py", file_entry(sum_b)}, {"bin", folder()}, {"bin/run", file_entry(sum_a, 0755)}, {"link", link_to("b")},
                                {"new", folder()}, {"new/a", file_entry()}, {"new/deep", folder()}, {"new/deep/b", file_entry()}, {"same", file_entry()},
                                {"turned", folder()}, {"turned/in", file_entry()}, {"var", folder()}, {"var/cache", folder()}, {"var/cache/x", file_entry()}};
  const release::Tree live = {{"app.py", file_entry()}, {"bin", folder(0700)}, {"bin/run", file_entry(sum_b)}, {"gone\n.txt", file_entry()}, {"link", link_to("a")},
                              {"same", file_entry()}, {"turned", file_entry()}, {"var", folder()}, {"var/cache", {Kind::unreadable, 0, ""}},
                              {"vendor", folder()}, {"vendor/x", file_entry()}};
  auto recipe = shop_recipe();
  const auto difference = plan::difference(recipe, source,
                                           {{{"app1", "app2"}, "20261122000000", live}, {{"db1"}, "", {}}, {{"web1"}, "20261123000000", source}});
  CHECK(difference.differs);
  CHECK(difference.text == R"(app[1,2]: live is 20261122000000
  ~ app.py: content
  ~ bin: mode 700 -> 755
  ~ bin/run: content, mode 644 -> 755
  - gone\x0a.txt
  ~ link: link a -> b
  + new/ (2 files)
  ~ turned: file -> folder
  + turned/in
  ? var/cache: can't be read there
  - vendor/ (1 file)
  3 added, 2 removed, 5 changed, 1 not read
  (what is removed may have been made there, by a task)

db1: no release is live
  all 8 files would be added

web1: live is 20261123000000
  no difference
)");
  const std::string data = plan::diff_json(difference);
  CHECK(data.starts_with(R"({"differs":true,"groups":[{"hosts":["app1","app2"],"live":"20261122000000","added":3,"removed":2,"changed":5,)"
                         R"("unreadable":1,"omitted":0,"changes":[{"path":"app.py","change":"changed","kind":"file","differs":["content"]},)"));
  for (const std::string part : {R"({"path":"bin/run","change":"changed","kind":"file","differs":["content","mode"]})",
                                 R"({"path":"gone\n.txt","change":"removed","kind":"file"})", R"({"path":"new","change":"added","kind":"folder","files":2})",
                                 R"({"path":"turned","change":"changed","kind":"folder","differs":["kind"]})",
                                 R"({"path":"var/cache","change":"unreadable","kind":"unreadable"})", R"("unreadable":0,"omitted":0,"changes":[]})"}) {
    INFO(data);
    CHECK(data.find(part) != std::string::npos);
  }
  CHECK_FALSE(plan::difference(recipe, source, {{{"web1"}, "20261123000000", source}}).differs);
}

TEST_CASE("shared and copied paths, what leads to them, and REVISION are no differences") {
  auto recipe = shop_recipe();  // shares log/ and config/database.yml
  recipe.copied = {"public/build"};
  const std::string up = "../..";  // from a release
  const release::Tree live = {{"REVISION", file_entry()}, {"config", folder()}, {"config/database.yml", link_to(up + "/.." + "/shared/config/database.yml")},
                              {"log", link_to(up + "/shared/log")}, {"logs", folder()}, {"public", folder()}, {"public/build", folder()},
                              {"public/build/a.js", file_entry()}};
  const release::Tree source = {{"log", folder()}, {"log/.keep", file_entry()}, {"logs", folder()}};
  CHECK(plan::comparable(recipe, live) == release::Tree{{"logs", folder()}});
  CHECK(plan::comparable(recipe, source) == release::Tree{{"logs", folder()}});
}

TEST_CASE("a host's list of its release is read strictly") {
  const std::string good_answer = with_nuls("dirs 2\n.|./d|755\n2750\nfiles 2\n./a b|./d/x\n|644\n-rwxr-x---+\nSHA2-256(./a b)= " + sum_a + "\n" + sum_b +
                                            "  ./d/x\nlink 1\n./l|to\nthere|other 1\n./p|unreadable 1\n./u|end 0\n");
  const auto tree = release::parse_tree(good_answer);
  REQUIRE(tree);
  CHECK(*tree == release::Tree{{"a b", file_entry()}, {"d", folder(02750)}, {"d/x\n", file_entry(sum_b, 0750)}, {"l", link_to("to\nthere")},
                               {"p", {Kind::other, 0, ""}}, {"u", {Kind::unreadable, 0, ""}}});
  for (std::size_t i = 0; i < good_answer.size(); ++i) CHECK_FALSE(release::parse_tree(std::string_view(good_answer).substr(0, i)));
  for (const auto& bad : {"end 0\nmore", "files 99999999999999999999\nend 0\n", "files 5\n./a|end 0\n", "dirs 1\n/etc|755\nend 0\n",
                          "dirs 1\n./d|rwx\nend 0\n", "dirs 1\n./d|\nend 0\n", "files 1\n./a|644\nnosum\nend 0\n", "what 1\n./a|end 0\n",
                          "other 2\n./a|./a|end 0\n", "dirs -1\nend 0\n", "noise\nend 0\n"}) {
    INFO(bad);
    CHECK_FALSE(release::parse_tree(with_nuls(bad)));
  }
}
