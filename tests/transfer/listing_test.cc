#include "transfer/listing.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <sstream>

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/packing.h"
#include "transfer/sum_cache.h"

namespace kirikae::test {

namespace {

namespace fs = std::filesystem;

// path -> kind, mode, sum or target
std::map<std::string, std::string> listed(const recipe::Source& source) {
  const TempDir cache;
  const auto all = transfer::list_source(source, cache.path(), {});
  if (!all) FAIL(to_text(all.error()));
  std::map<std::string, std::string> lines;
  for (const auto& [entry, sha256, linked, chunks, quick] : all->entries) {
    std::ostringstream line;
    line << static_cast<int>(entry.kind) << ' ' << std::oct << (entry.kind == transfer::Entry::Kind::symlink ? 0 : entry.mode) << ' '
         << (sha256.empty() ? entry.target : sha256);
    lines[entry.path] = line.str();
  }
  return lines;
}

}  // namespace

TEST_CASE("A directory and an archive of it are the same list, with the sum of every file, hard links as files") {
  const TempDir folder;
  folder.write("tree/plain", "hello\n");
  folder.write("tree/dir/new\nline", "x");
  fs::create_hard_link(folder.path() / "tree/plain", folder.path() / "tree/second");
  fs::create_symlink("../plain", folder.path() / "tree/dir/link");
  fs::create_directory(folder.path() / "tree/hollow");
  fs::permissions(folder.path() / "tree/plain", fs::perms::owner_all | fs::perms::group_read);
  REQUIRE(run_program({"tar", "-C", folder / "tree", "-czf", folder / "tree.tgz", "."}).status == 0);
  const auto from_tree = listed(directory_source(folder / "tree"));
  CHECK(from_tree.at("plain") == "0 740 " + to_hex(sha256_bytes("hello\n")));
  CHECK(from_tree.at("second") == from_tree.at("plain"));
  CHECK(from_tree.at("dir/new\nline").ends_with(to_hex(sha256_bytes("x"))));
  CHECK(from_tree.at("dir/link") == "2 0 ../plain");
  CHECK(from_tree.size() == 6);
  CHECK(listed(archive_source(folder / "tree.tgz")) == from_tree);
  CHECK_FALSE(listed(directory_source(folder / "tree", {"dir/"})).contains("dir/link"));
}

TEST_CASE("An archive's names are those that it was made of, to the byte, and so are its links'") {
  const TempDir folder;
  const std::string apart = "cafe\u0301", whole = "caf\u00e9";  // the same letter, in two ways
  folder.write("tree/" + apart, "1");
  folder.write("tree/" + whole, "2");
  fs::create_symlink(apart, folder.path() / "tree/link");
  fs::create_hard_link(folder.path() / ("tree/" + apart), folder.path() / "tree/second");
  const auto from_tree = listed(directory_source(folder / "tree"));
  REQUIRE(from_tree.size() == 4);
  for (const std::string format : {"pax", "gnu", "ustar"}) {
    for (const std::string how : {"tar", "tar.gz"}) {
      INFO(format << ' ' << how);
      const auto file = folder / (format + '.' + how);
      REQUIRE(run_program({"tar", "-C", folder / "tree", "--format=" + format, "-caf", file, "."}).status == 0);
      CHECK(listed(archive_source(file)) == from_tree);
    }
  }
}

TEST_CASE("A source that isn't there, or that nobody waits for any more, has no list") {
  const TempDir folder;
  CHECK(transfer::list_source(directory_source(folder / "none"), folder / "cache", {}).error().code == ErrorCode::recipe);
  folder.write("tree/a", "x");
  std::stop_source stop;
  stop.request_stop();
  CHECK(transfer::list_source(directory_source(folder / "tree"), folder / "cache", stop.get_token()).error().code == ErrorCode::cancelled);
}

TEST_CASE("what changes between a list's two steps is named by the second") {
  const TempDir folder;
  folder.write("tree/a", "hello\n");
  folder.write("tree/b", "hello\n");
  // So new that no sum is kept of it.
  for (const char* file : {"tree/a", "tree/b"}) fs::last_write_time(folder.path() / file, fs::file_time_type::clock::now() + std::chrono::hours(1));
  const auto begin = [&] { return transfer::BegunListing::begin(directory_source(folder / "tree"), folder / "cache", {}); };
  auto first = begin();
  REQUIRE(first);
  CHECK(first->finish()->manifest->size() == 2);
  auto second = begin();
  REQUIRE(second);
  folder.write("tree/a", "other than before\n");
  const auto finished = second->finish();
  REQUIRE_FALSE(finished);
  CHECK_THAT(finished.error().message, Catch::Matchers::ContainsSubstring("/tree/a' changed while it was being read"));
  auto third = begin();
  REQUIRE(third);
  fs::remove(folder.path() / "tree/b");
  CHECK_THAT(third->finish().error().message, Catch::Matchers::ContainsSubstring("/tree/b' vanished"));
}

TEST_CASE("a list tells how much it is, and which files may come from another release") {
  const TempDir folder;
  folder.write("tree/a", "hello\n");
  folder.write("tree/b/odd\nname", "x");
  fs::create_symlink("a", folder.path() / "tree/link");
  const auto list = transfer::list_source(directory_source(folder / "tree"), folder / "cache", {});
  REQUIRE(list);
  CHECK(list->summary.files == 3);
  CHECK(list->summary.bytes == 7);
  CHECK(*list->manifest == release::Manifest{{"a", {list->entries[0].entry.mode, 6, to_hex(sha256_bytes("hello\n"))}}});
}

TEST_CASE("files of an archive that are one file under two names are sent each time") {
  const TempDir folder;
  folder.write("tree/a", "one");
  fs::create_hard_link(folder.path() / "tree/a", folder.path() / "tree/b");
  folder.write("tree/c", "two");
  REQUIRE(run_program({"tar", "-C", folder / "tree", "-cf", folder / "tree.tar", "."}).status == 0);
  const auto list = transfer::list_source(archive_source(folder / "tree.tar"), folder / "cache", {});
  REQUIRE(list);
  CHECK(list->manifest->size() == 1);
  CHECK(list->manifest->contains("c"));
}

TEST_CASE("without git, a source's revision is the sum of what a release would have of it") {
  const TempDir folder;
  const auto revision = [&] { return transfer::list_source(directory_source(folder / "tree"), folder / "cache", {})->summary.revision; };
  folder.write("tree/a", "1");
  const auto first = revision();
  CHECK(first.size() == 64);
  fs::last_write_time(folder.path() / "tree/a", fs::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(revision() == first);
  SECTION("content") { folder.write("tree/a", "2"); }
  SECTION("mode") { fs::permissions(folder.path() / "tree/a", fs::perms::owner_all); }
  SECTION("name") { fs::rename(folder.path() / "tree/a", folder.path() / "tree/b"); }
  SECTION("an empty folder") { fs::create_directory(folder.path() / "tree/hollow"); }
  SECTION("a link") { fs::create_symlink("a", folder.path() / "tree/link"); }
  CHECK(revision() != first);
}

TEST_CASE("what hasn't changed since an earlier run isn't read again") {
  const TempDir folder;
  const auto source = directory_source("/usr/share/common-licenses");  // files that were not written to just now
  const auto first = transfer::list_source(source, folder / "cache", {});
  REQUIRE(first);
  REQUIRE(first->manifest->contains("GPL-3"));
  const auto cached = fs::directory_iterator(folder.path() / "cache/sums")->path();
  std::string text = folder.read(cached.string().substr(folder.path().string().size() + 1));
  const auto& sum = first->manifest->at("GPL-3").sha256;
  REQUIRE(text.find(sum) != std::string::npos);
  text.replace(text.find(sum), sum.size(), std::string(64, '0'));
  folder.write(cached.string().substr(folder.path().string().size() + 1), text);
  CHECK(transfer::list_source(source, folder / "cache", {})->manifest->at("GPL-3").sha256 == std::string(64, '0'));
  // A torn one is as good as none.
  folder.write(cached.string().substr(folder.path().string().size() + 1), text.substr(0, 5));
  CHECK(*transfer::list_source(source, folder / "cache", {})->manifest == *first->manifest);
}

TEST_CASE("a sum is known while nothing of the file changes, and only if it was not just written to") {
  const TempDir folder;
  struct stat info = {};
  info.st_dev = 1, info.st_ino = 2, info.st_size = 3, info.st_mtim.tv_sec = info.st_ctim.tv_sec = 1000;
  const std::string sum(64, 'a');
  const auto keep = [&](std::int64_t read_at) {
    auto cache = transfer::SumCache::load(folder / "cache", "/src");
    cache.put("odd\nname", info, sum, read_at);
    cache.save();
    return transfer::SumCache::load(folder / "cache", "/src");
  };
  CHECK_FALSE(keep(1002).find("odd\nname", info));
  const auto cache = keep(1003);
  CHECK(cache.find("odd\nname", info) == sum);
  CHECK_FALSE(cache.find("odd", info));
  CHECK_FALSE(transfer::SumCache::load(folder / "cache", "/other").find("odd\nname", info));
  for (const auto change : std::initializer_list<void (*)(struct stat&)>{
           [](struct stat& s) { ++s.st_dev; }, [](struct stat& s) { ++s.st_ino; }, [](struct stat& s) { ++s.st_size; },
           [](struct stat& s) { ++s.st_mtim.tv_nsec; }, [](struct stat& s) { ++s.st_ctim.tv_nsec; }}) {
    struct stat other = info;
    change(other);
    CHECK_FALSE(cache.find("odd\nname", other));
  }
}

TEST_CASE("of the sources whose sums are kept, those that were used longest ago are forgotten") {
  const TempDir folder;
  for (int i = 0; i < 70; ++i) {
    const auto name = "cache/sums/" + std::to_string(1000 + i);
    folder.write(name, "");
    std::filesystem::last_write_time(folder.path() / name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(100 - i));
  }
  const auto cache = transfer::SumCache::load(folder / "cache", "/src");
  cache.save();
  const auto left = std::filesystem::directory_iterator(folder.path() / "cache/sums");
  CHECK(std::distance(begin(left), end(left)) == 64);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "cache/sums/1006"));
  CHECK(std::filesystem::exists(folder.path() / "cache/sums/1007"));
}

}  // namespace kirikae::test
