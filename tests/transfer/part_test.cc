// What is sent of a source whose other files the host has.
#include "transfer/listing.h"

#include <map>

#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/archives.h"
#include "transfer/packing.h"

namespace kirikae::test {
namespace {

using transfer::Encoding;
using Catch::Matchers::ContainsSubstring;

struct Source {
  Source() {
    folder.write("tree/kept", "1");
    folder.write("tree/changed", "2");
    folder.write("tree/dir/new\nline", "3");
    std::filesystem::create_symlink("kept", folder.path() / "tree/link");
    list = *transfer::list_source(source, folder / "cache", {});
    auto base = *list.manifest;
    base.at("changed").size = 5;
    part = {".part", std::make_shared<const release::Delta>(release::delta_between({base}, *list.manifest)),
            list.manifest, false, nullptr, list.rest};
  }
  Result<std::string> packed() {
    auto artifact = transfer::pack(source, Encoding::none, folder / "cache", {}, part);
    if (!artifact) return std::unexpected(artifact.error());
    return read_all(**artifact);
  }
  TempDir folder;
  recipe::Source source = directory_source(folder / "tree");
  transfer::Listing list;
  transfer::Part part;
};

}  // namespace

TEST_CASE("a part has its own folder first, every folder, and the files that aren't reused") {
  Source source;
  const auto packed = source.packed();
  REQUIRE(packed);
  const auto file = source.folder.write("packed.tar", *packed);
  CHECK(run_program({"tar", "--quoting-style=escape", "-tf", file}).output == ".part/\n.part/removed\n.part/added\n.part/moved\nchanged\ndir/\ndir/new\\nline\nlink\n");
  const auto said = run_program({"tar", "-xOf", file, ".part/added"}).output;
  CHECK(said == source.part.delta->added);
  CHECK_THAT(said, ContainsSubstring("./changed\t"));
}

TEST_CASE("a folder that an archive lists behind what is in it has its mode from the start") {
  const TempDir folder;
  const auto path = make_archive(folder / "a.tar", "tar",
                                 {{"implied/file", "1"}, folder_item("open/"), {"open/file", "2"}, folder_item("implied/", 0700), folder_item("open/", 0750)});
  const auto source = archive_source(path);
  const auto list = transfer::list_source(source, folder / "cache", {});
  REQUIRE(list);
  std::map<std::string, unsigned> modes;
  for (const auto& each : list->entries) CHECK(modes.emplace(each.entry.path, each.entry.mode).second);
  CHECK(modes.at("implied") == 0700);
  CHECK(modes.at("open") == 0750);
  auto artifact = transfer::pack(source, Encoding::none, folder / "cache", {}, {.late_folders = list->late_folders});
  REQUIRE(artifact);
  const auto packed = read_all(**artifact);
  REQUIRE(packed);
  const auto file = folder.write("packed.tar", *packed);
  CHECK_THAT(run_program({"tar", "--numeric-owner", "-tvf", file}).output, !ContainsSubstring("drwxr-xr-x"));
}

TEST_CASE("where there is no release that the rest comes from, a part has the list as the host keeps it") {
  Source source;
  release::Delta delta = release::delta_between({{}}, *source.list.manifest);
  delta.chunks_added = "chunks\n";
  source.part = {".part", std::make_shared<const release::Delta>(delta), source.list.manifest, true, nullptr, source.list.rest};
  const auto file = source.folder.write("packed.tar", *source.packed());
  CHECK(run_program({"tar", "--quoting-style=escape", "-tf", file}).output == ".part/\n.part/files\n.part/chunks\nchanged\ndir/\ndir/new\\nline\nkept\nlink\n");
  CHECK(run_program({"tar", "-xOf", file, ".part/files"}).output == release::to_text(*source.list.manifest));
  CHECK(run_program({"tar", "-xOf", file, ".part/chunks"}).output == "chunks\n");
}

TEST_CASE("of a file that is patched, the pieces that aren't there are sent in its place, and all of it is looked at") {
  Source source;
  const std::string content = "0123456789";
  source.folder.write("tree/changed", content);
  source.list = *transfer::list_source(source.source, source.folder / "cache", {});
  release::Delta delta = release::delta_between({*source.list.manifest}, *source.list.manifest);
  delta.reused.erase("changed");
  delta.patched["changed"] = {{{{}, 0, 2}, {"kept", 5, 3}, {{}, 2, 1}, {"changed", 0, 4}}, 3};
  delta.chunks_gone = "gone\n";
  source.part = {".part", std::make_shared<const release::Delta>(delta), source.list.manifest, false, nullptr, source.list.rest};
  SECTION("as listed") {
    const auto packed = source.packed();
    REQUIRE(packed);
    const auto file = source.folder.write("packed.tar", *packed);
    const auto print = [&](const std::string& name) { return run_program({"tar", "-xOf", file, name}).output; };
    CHECK(print("changed") == "015");
    CHECK(print(".part/patched") == "4\t644\t./changed\n0\t2\t=\n5\t3\t./kept\n2\t1\t=\n0\t4\t./changed\n");
    CHECK(print(".part/chunks_gone") == "gone\n");
    CHECK_THAT(run_program({"tar", "-tf", file}).output, !ContainsSubstring("chunks_added"));
  }
  SECTION("changed in what is not sent") {
    source.folder.write("tree/changed", "012345678X");
    CHECK_THAT(source.packed().error().message, ContainsSubstring("'changed' changed after it was listed"));
  }
}

TEST_CASE("a source that changes after it was listed is an error that names what has changed") {
  Source source;
  SECTION("content") {
    source.folder.write("tree/changed", "4");
    CHECK_THAT(source.packed().error().message, ContainsSubstring("'changed' changed after it was listed"));
  }
  SECTION("mode") {
    std::filesystem::permissions(source.folder.path() / "tree/changed", std::filesystem::perms::owner_all);
    CHECK_THAT(source.packed().error().message, ContainsSubstring("'changed' changed after it was listed"));
  }
  SECTION("kind") {
    const auto path = source.folder.path() / "tree/changed";
    std::filesystem::remove(path);
    if (GENERATE(true, false)) {
      std::filesystem::create_symlink("kept", path);
    } else {
      std::filesystem::create_directory(path);
    }
    const auto packed = source.packed();
    REQUIRE_FALSE(packed);
    CHECK_THAT(packed.error().message, ContainsSubstring("'changed' changed after it was listed"));
  }
  SECTION("a file less") {
    std::filesystem::remove(source.folder.path() / "tree/changed");
    CHECK_THAT(source.packed().error().message, ContainsSubstring("'changed' changed after it was listed"));
  }
  SECTION("a file more") {
    source.folder.write("tree/more", "5");
    CHECK_THAT(source.packed().error().message, ContainsSubstring("'more' changed after it was listed"));
  }
}

TEST_CASE("a source whose folders or links change after it was listed is an error, too") {
  Source source;
  const auto tree = source.folder.path() / "tree";
  REQUIRE(source.packed());
  std::string which = "link";
  SECTION("a link that leads elsewhere") {
    std::filesystem::remove(tree / "link");
    std::filesystem::create_symlink("changed", tree / "link");
  }
  SECTION("a link less") { std::filesystem::remove(tree / "link"); }
  SECTION("an empty folder more") {
    std::filesystem::create_directory(tree / "more");
    which = "more";
  }
  SECTION("a folder's mode") {
    std::filesystem::permissions(tree / "dir", std::filesystem::perms::owner_all);
    which = "dir";
  }
  const auto packed = source.packed();
  REQUIRE_FALSE(packed);
  CHECK(to_text(packed.error()) == "'" + which +
                                       "' changed after it was listed\n  let the build finish before you deploy, or "
                                       "exclude what is always written to");
}

TEST_CASE("an archive that is another one than was listed is an error, also where its listed files are the same") {
  Source source;
  const auto make = [&](const std::vector<Item>& items) { return make_archive(source.folder / "a.tar", "tar", items); };
  const std::vector<Item> items{{"kept", "1"}, {"linked", "2"}, hard_link("link", "linked"), soft_link("soft", "kept")};
  source.source = archive_source(make(items));
  source.list = *transfer::list_source(source.source, source.folder / "cache", {});
  REQUIRE(source.list.manifest->size() == 1);
  const auto delta = release::delta_between({*source.list.manifest}, *source.list.manifest);
  source.part = {".part", std::make_shared<const release::Delta>(delta), source.list.manifest, false, nullptr, source.list.rest};
  CHECK(source.packed());
  auto others = items;
  SECTION("a file more") { others.push_back({"more", "3"}); }
  SECTION("content of what is in no list") { others[1].content = "3"; }
  SECTION("a link that leads elsewhere") { others[3].link = "linked"; }
  make(others);
  const auto packed = source.packed();
  REQUIRE_FALSE(packed);
  CHECK_THAT(packed.error().message, ContainsSubstring("archive '" + source.folder / "a.tar" + "' changed after it was listed"));
}

TEST_CASE("a file of some size that was read for the list is known again by the quick sum of that") {
  Source source;
  source.folder.write("tree/changed", std::string(20'000, 'c'));
  source.list = *transfer::list_source(source.source, source.folder / "cache", {});
  const std::string sum = source.list.manifest->at("changed").sha256;
  REQUIRE(source.list.quick->size() == 1);
  transfer::QuickSums sums = *source.list.quick;
  SECTION("as listed") {}
  SECTION("changed") { source.folder.write("tree/changed", std::string(19'999, 'c') + 'd'); }
  SECTION("another sum, so it is that one which is compared") { ++sums.at(sum).low; }
  SECTION("no sum, as of an earlier run, so it is the file's own") { sums.clear(); }
  const bool same = source.folder.read("tree/changed").back() == 'c' && (sums.empty() || sums == *source.list.quick);
  source.part.manifest = source.list.manifest;
  source.part.quick = std::make_shared<const transfer::QuickSums>(std::move(sums));
  const auto packed = source.packed();
  CHECK(packed.has_value() == same);
  if (!packed) CHECK_THAT(packed.error().message, ContainsSubstring("'changed' changed after it was listed"));
}

}  // namespace kirikae::test
