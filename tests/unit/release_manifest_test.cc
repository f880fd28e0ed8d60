// The list of a release's files, and what differs between two of them.
#include "release/manifest.h"

#include <algorithm>
#include <random>
#include <set>

#include "core/digest.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::release;

namespace {

std::string sum_of(const std::string& content) { return to_hex(sha256_bytes(content)); }

FileSpec file_spec(const std::string& content, std::uint64_t size = 100'000, unsigned mode = 0644) { return {mode, size, sum_of(content)}; }

}  // namespace

TEST_CASE("a manifest is text in the order of its bytes, and comes back from it as it was") {
  const Manifest manifest{{"a", file_spec("1")}, {"a b/c", file_spec("2", 0, 0755)}, {"a/b", file_spec("3")}, {"a!", file_spec("4")}, {"\xff\xfe", file_spec("5")}};
  const std::string text = to_text(manifest);
  CHECK(text.starts_with("./a\t644 100000\t" + sum_of("1") + "\n./a b/c\t755 0\t" + sum_of("2") + "\n./a!\t"));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) lines.push_back(text.substr(at, text.find('\n', at) - at));
  CHECK(std::is_sorted(lines.begin(), lines.end()));
  const auto again = parse_manifest(text);
  REQUIRE(again);
  CHECK(*again == manifest);
  CHECK(digest_of(manifest) == to_hex(sha256_bytes(text)));
}

TEST_CASE("names that a line can't hold are in no manifest") {
  CHECK(can_be_listed("it's \"odd\" $x `y` *\xff"));
  for (const auto* name : {"new\nline", "tab\t", "back\\slash", "bell\a", "\x7f"}) CHECK_FALSE(can_be_listed(name));
}

TEST_CASE("a manifest that a host has made up is refused") {
  const std::string sum = sum_of("x");
  for (const std::string& text : std::initializer_list<std::string>{
           "./a\t644 1\t" + sum,                                        // cut off
           "a\t644 1\t" + sum + "\n",                                   // no ./
           "./../a\t644 1\t" + sum + "\n",                              // leads out
           "./a/./b\t644 1\t" + sum + "\n",
           "./a//b\t644 1\t" + sum + "\n",
           "./\t644 1\t" + sum + "\n",
           "./a\t644\t" + sum + "\n",                                   // no size
           "./a\t648 1\t" + sum + "\n",                                 // no mode
           "./a\t4755 1\t" + sum + "\n",                                // more than permissions
           "./a\t644 -1\t" + sum + "\n",
           "./a\t644 99999999999999999999\t" + sum + "\n",
           "./a\t644 1\t" + sum.substr(1) + "\n",
           "./a\t644 1\t" + std::string(64, 'G') + "\n",
           "./b\t644 1\t" + sum + "\n./a\t644 1\t" + sum + "\n",        // out of order
           "./a\t644 1\t" + sum + "\n./a\t644 1\t" + sum + "\n",
           std::string("\n"),
       }) {
    INFO(text);
    const auto parsed = parse_manifest(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::lost);
  }
  CHECK(parse_manifest("")->empty());
}

TEST_CASE("of any two lists, the base's lines without those that go, and those that come, are the next one's") {
  std::mt19937 dice(GENERATE(range(0U, 40U)));
  const auto some = [&](unsigned most) { return dice() % most; };
  Manifest base;
  Manifest next;
  Paths unusable;
  for (unsigned i = some(30); i > 0; --i) base.emplace(std::string(1 + some(3), static_cast<char>('a' + some(4))), file_spec(std::to_string(some(5))));
  for (unsigned i = some(30); i > 0; --i) next.emplace(std::string(1 + some(3), static_cast<char>('a' + some(4))), file_spec(std::to_string(some(5))));
  for (const auto& [path, each] : base) {
    if (some(4) == 0) unusable.insert(path);
  }
  const Delta delta = delta_between({base, unusable}, next);
  const auto lines = [](const std::string& text) {
    std::set<std::string> all;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) all.insert(text.substr(at, text.find('\n', at) - at));
    return all;
  };
  auto made = lines(to_text(base));
  for (const auto& line : lines(delta.removed)) CHECK(made.erase(line) == 1);
  for (const auto& line : lines(delta.added)) CHECK(made.insert(line).second);
  CHECK(made == lines(to_text(next)));
  CHECK(std::is_sorted(delta.moved.begin(), delta.moved.end(), [](const auto& a, const auto& b) { return a.to < b.to; }));
  for (const auto& [path, each] : next) {
    const auto same = base.find(path);
    const bool kept = same != base.end() && same->second == each && !unusable.contains(path);
    const auto move = std::ranges::find(delta.moved, path, &Delta::Move::to);
    const bool elsewhere = std::ranges::any_of(base, [&](const auto& other) { return other.second.sha256 == each.sha256 && !unusable.contains(other.first); });
    INFO(path);
    CHECK((move != delta.moved.end()) == (!kept && elsewhere));
    if (move != delta.moved.end()) CHECK((base.at(move->from).sha256 == each.sha256 && !unusable.contains(move->from)));
    CHECK(delta.reused.contains(path) == (kept || elsewhere));
  }
}

TEST_CASE("what is the same under the same name is reused, and only what differs is told") {
  const Manifest base{{"same", file_spec("1")}, {"changed", file_spec("2")}, {"gone", file_spec("3")}};
  const Manifest next{{"same", file_spec("1")}, {"changed", file_spec("2b")}, {"new", file_spec("4")}};
  const Delta delta = delta_between({base}, next);
  CHECK(delta.reused == std::set<std::string, std::less<>>{"same"});
  CHECK(delta.reused_bytes == 100'000);
  CHECK(delta.removed == to_text({{"changed", file_spec("2")}, {"gone", file_spec("3")}}));
  CHECK(delta.added == to_text({{"changed", file_spec("2b")}, {"new", file_spec("4")}}));
  CHECK(delta.moved.empty());
}

TEST_CASE("what has moved, and what has another mode, is found by its content; little files are sent") {
  const Manifest base{{"lib/jar", file_spec("big")}, {"tool", file_spec("tool")}, {"small", file_spec("s", 100)}};
  const Manifest next{{"vendor/jar", file_spec("big")},
                      {"copy", file_spec("big")},
                      {"tool", file_spec("tool", 100'000, 0755)},
                      {"little", file_spec("s", 100)}};
  const Delta delta = delta_between({base}, next);
  CHECK(moves_text(delta) == "./lib/jar\t./copy\t644\n./tool\t./tool\t755\n./lib/jar\t./vendor/jar\t644\n");
  CHECK(delta.reused == std::set<std::string, std::less<>>{"copy", "tool", "vendor/jar"});
  CHECK(delta.reused_bytes == 300'000);
  CHECK(delta.added == to_text(next));
  CHECK(delta.removed == to_text(base));
}

TEST_CASE("what isn't what it was is neither kept nor moved, and is told as removed and added") {
  const Manifest base{{"a", file_spec("1")}, {"b", file_spec("2")}};
  const Manifest next{{"a", file_spec("1")}, {"b", file_spec("2")}, {"c", file_spec("1")}};
  const Delta delta = delta_between({base, {"a"}}, next);
  CHECK(delta.reused == std::set<std::string, std::less<>>{"b"});
  CHECK(delta.removed == to_text({{"a", file_spec("1")}}));
  CHECK(delta.added == to_text({{"a", file_spec("1")}, {"c", file_spec("1")}}));
  CHECK(delta.moved.empty());
}

TEST_CASE("a release without a base is all of it") {
  const Manifest next{{"a", file_spec("1")}};
  const Delta delta = delta_between({{}}, next);
  CHECK(delta.reused.empty());
  CHECK(delta.removed.empty());
  CHECK(delta.added == to_text(next));
}

TEST_CASE("what the base hasn't is taken from other releases, the base before these and each in its turn") {
  const Manifest base{{"a", file_spec("1")}}, other{{"a", file_spec("2")}, {"b", file_spec("1")}, {"c", file_spec("3")}},
      oldest{{"z", file_spec("3")}, {"y", file_spec("4")}};
  const Manifest next{
      {"n1", file_spec("1")}, {"n2", file_spec("2", 100'000, 0755)}, {"n3", file_spec("3")}, {"n4", file_spec("4")}, {"n5", file_spec("5")}};
  const Delta delta = delta_between({base, {"../older/y"}, {{"other", &other}, {"older", &oldest}}}, next);
  CHECK(moves_text(delta) == "./a\t./n1\t644\n./../other/a\t./n2\t755\n./../other/c\t./n3\t644\n");
  CHECK(delta.reused_bytes == 300'000);
}

namespace {

// Large files whose chunks are known: of the first, all but one is in the second, too.
struct Large {
  const Chunk same{1 << 20, 1};
  const std::string old = file_spec("old").sha256, changed = file_spec("changed").sha256;
  ChunkLists chunks{{old, std::make_shared<const Chunks>(Chunks{same, {9, 2}})},
                    {changed, std::make_shared<const Chunks>(Chunks{{7, 3}, same})}};
  static FileSpec of(const std::string& content, std::uint64_t size) { return file_spec(content, size); }
  Manifest base{{"jar", of("old", least_chunked + 9)}};
  Manifest next{{"jar", of("changed", least_chunked + 7)}};
};

}  // namespace

TEST_CASE("a large file that has changed is put together from the base's") {
  Large large;
  const Delta delta = delta_between({large.base, {}, {}, &large.chunks}, large.next);
  REQUIRE(delta.patched.contains("jar"));
  CHECK(delta.reused.empty());
  CHECK(delta.reused_bytes == least_chunked);
  CHECK(delta.added == to_text(large.next));
  CHECK(patches_text(delta, large.next) == "2\t644\t./jar\n0\t7\t=\n0\t1048576\t./jar\n");
  CHECK(delta.chunks_gone == large.old + '\n');
  CHECK(delta.chunks_added == chunks_line(large.changed, *large.chunks.at(large.changed)));
}

TEST_CASE("a large file is sent whole where the base's is none, isn't what it was, or isn't known") {
  Large large;
  Paths unusable;
  SECTION("small") { large.base["jar"].size = least_chunked - 1; }
  SECTION("edited") { unusable = {"jar"}; }
  SECTION("unknown") { large.chunks.erase(large.old); }
  const Delta delta = delta_between({large.base, unusable, {}, &large.chunks}, large.next);
  CHECK(delta.patched.empty());
  CHECK(delta.reused_bytes == 0);
  CHECK(delta.chunks_added == chunks_line(large.changed, *large.chunks.at(large.changed)));
}

TEST_CASE("the list of chunks stays where the large files do") {
  Large large;
  large.next = {{"renamed", large.base.at("jar")}};
  const Delta delta = delta_between({large.base, {}, {}, &large.chunks}, large.next);
  CHECK(delta.chunks_gone.empty());
  CHECK(delta.chunks_added.empty());
  CHECK(delta.patched.empty());
}
