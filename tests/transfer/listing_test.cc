#include "transfer/listing.h"

#include <filesystem>
#include <map>
#include <sstream>

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/packing.h"

namespace kirikae::test {

namespace {

namespace fs = std::filesystem;

// path -> kind, mode, sum or target
std::map<std::string, std::string> listed(const recipe::Source& source) {
  const auto all = transfer::list_source(source, {});
  if (!all) FAIL(to_text(all.error()));
  std::map<std::string, std::string> lines;
  for (const auto& [entry, sha256] : *all) {
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
  fs::permissions(folder.path() / "tree/plain", fs::perms::owner_all | fs::perms::group_read | fs::perms::set_uid);
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

TEST_CASE("A source that isn't there, or that nobody waits for any more, has no list") {
  const TempDir folder;
  CHECK(transfer::list_source(directory_source(folder / "none"), {}).error().code == ErrorCode::recipe);
  folder.write("tree/a", "x");
  std::stop_source stop;
  stop.request_stop();
  CHECK(transfer::list_source(directory_source(folder / "tree"), stop.get_token()).error().code == ErrorCode::cancelled);
}

}  // namespace kirikae::test
