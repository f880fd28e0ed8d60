// Archive sources: what is refused, by its name, and what comes out of the rest.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/archive_names.h"
#include "transfer/archives.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
using transfer::Encoding;
namespace fs = std::filesystem;

namespace {

std::string file_sha256(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return to_hex(sha256_bytes(std::string(std::istreambuf_iterator<char>(file), {})));
}

std::string file_line(unsigned mode, const std::string& content) {
  return fmt::format("file {:o} of {} at 1700000000", mode, to_hex(sha256_bytes(content)));
}

}  // namespace

TEST_CASE("each kind of archive is unpacked to the same tree") {
  const TempDir folder;
  std::vector<Item> items{folder_item("./"),
                          folder_item("app/", 0550),
                          {"./app/main", std::string(100'000, 'x'), 0755},
                          {"app/" + std::string(180, 'n'), "long", 0600},
                          {"app/ünï", "utf-8", 0644},
                          folder_item("app/", 0550),  // twice, as a list of paths for tar gives it
                          {"implied/parents//./here", "", 0644},
                          soft_link("app/link", "../implied/parents")};
  for (const std::string how : {"tar", "pax", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip"}) {
    INFO(how);
    const auto path = make_archive(folder / ("a." + how), how, items);
    const auto source = archive_source(path, file_sha256(path));
    const auto summary = transfer::examine(source, {});
    REQUIRE(summary);
    CHECK(summary->files == 5);
    CHECK(summary->bytes == 100'009);
    CHECK(summary->revision == file_sha256(path));
    const auto packed = pack_all(source, Encoding::zstd, folder / "cache");
    REQUIRE(packed);
    for (const std::string program : {"tar", "busybox"}) {
      const auto out = folder / (how + program);
      unpack(packed->bytes, Encoding::zstd, program, out);
      const auto tree = snapshot(out);
      CHECK(tree.size() == 8);
      CHECK(tree.at("app") == "directory 750");
      CHECK(tree.at("implied/parents") == "directory 755");
      CHECK(tree.at("app/main") == file_line(0755, std::string(100'000, 'x')));
      CHECK(tree.at("app/" + std::string(180, 'n')) == file_line(0600, "long"));
      CHECK(tree.at("app/ünï") == file_line(0644, "utf-8"));
      CHECK(tree.at("implied/parents/here") == file_line(0644, ""));
      CHECK(tree.at("app/link") == "link to ../implied/parents");
    }
  }
}

TEST_CASE("hard links of an archive stay links to what it has") {
  const TempDir folder;
  const auto path = make_archive(folder / "a.tar", "tar", {{"data/one", "same"}, hard_link("data/two", "./data/one")});
  const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
  REQUIRE(packed);
  for (const std::string program : {"tar", "busybox"}) {
    const auto out = folder / program;
    unpack(packed->bytes, Encoding::none, program, out);
    CHECK(fs::equivalent(out + "/data/one", out + "/data/two"));
  }
}

TEST_CASE("an archive that isn't the one of the recipe is refused with both sums") {
  const TempDir folder;
  const auto path = make_archive(folder / "a.tar.gz", "tar.gz", {{"a", "x"}});
  const std::string other(64, '0');
  const auto wanted =
      "archive '" + path + "' has sha256 " + file_sha256(path) + ", the recipe says " + other +
      "\n  fetch or build the archive again; if this is the one you want, correct `sha256` in the recipe";
  const auto summary = transfer::examine(archive_source(path, other), {});
  REQUIRE_FALSE(summary);
  CHECK(summary.error().code == ErrorCode::recipe);
  CHECK(to_text(summary.error()) == wanted);
  // Nothing of it is ever given to a reader.
  auto artifact = transfer::pack(archive_source(path, other), Encoding::zstd, folder / "cache", {});
  REQUIRE(artifact);
  const auto read = read_all(**artifact);
  REQUIRE_FALSE(read);
  CHECK(to_text(read.error()) == wanted);
}

TEST_CASE("hostile entries of an archive are refused by name") {
  struct Case {
    std::string what;
    std::vector<Item> items;
    std::string message;
  };
  const std::vector<Case> cases{
      {"absolute", {{"/etc/passwd", "x"}}, "'/etc/passwd' is an absolute name"},
      {"climbing", {{"a/../../evil", "x"}}, "'a/../../evil' climbs with '..'"},
      {"climbing last", {folder_item("a/..")}, "'a/../' climbs with '..'"},
      {"absolute link", {soft_link("a", "/etc")}, "'a' is a link to '/etc', which may leave the release"},
      {"climbing link", {soft_link("d/a", "../../etc")}, "'d/a' is a link to '../../etc', which may leave the release"},
      {"link by a link",
       {soft_link("d/top", ".."), soft_link("a", "d/top/..")},
       "'a' is a link to 'd/top/..', which may leave the release"},
      {"through a link",
       {folder_item("real"), soft_link("a", "real"), {"a/file", "x"}},
       "'a/file' lies inside of 'a', which is no directory"},
      {"under a file", {{"a", "x"}, {"a/b/c", "x"}}, "'a/b/c' lies inside of 'a', which is no directory"},
      {"file twice", {{"a", "x"}, {"./a", "y"}}, "'a' is there twice"},
      {"directory becomes link", {{"a/b", "x"}, soft_link("a", ".")}, "'a' is there twice"},
      {"link becomes directory", {soft_link("a", "."), folder_item("a")}, "'a' is there twice"},
      {"hard link out", {hard_link("a", "../shadow")}, "'../shadow' climbs with '..'"},
      {"hard link to root", {hard_link("a", "/etc/shadow")}, "'/etc/shadow' is an absolute name"},
      {"hard link to nothing", {hard_link("a", "b")}, "'a' is a hard link to 'b', which is no earlier file of it"},
      {"hard link to link",
       {soft_link("l", "x"), hard_link("a", "l")},
       "'a' is a hard link to 'l', which is no earlier file of it"},
      {"device", {{"dev/null", "", 0666, AE_IFCHR, ""}}, "'dev/null' is a device, fifo or socket"},
      {"fifo", {{"pipe", "", 0666, AE_IFIFO, ""}}, "'pipe' is a device, fifo or socket"},
  };
  const TempDir folder;
  for (const auto& [what, items, message] : cases) {
    INFO(what);
    const auto path = make_archive(folder / "hostile.tar", "tar", items);
    const auto wanted = "archive '" + path + "': " + message + "\n  pack the archive anew without it";
    const auto summary = transfer::examine(archive_source(path), {});
    REQUIRE_FALSE(summary);
    CHECK(summary.error().code == ErrorCode::recipe);
    CHECK(to_text(summary.error()) == wanted);
    const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
    REQUIRE_FALSE(packed);
    CHECK(to_text(packed.error()) == wanted);
  }
}

TEST_CASE("a setuid or setgid file of an archive is refused by name, and folders lose such bits") {
  const TempDir folder;
  const unsigned mode = GENERATE(04755U, 02755U);
  const std::string format = GENERATE("tar", "zip");
  const auto path = make_archive(folder / ("bits." + format), format, {{"bin/", "", 03775, AE_IFDIR, ""}, {"bin/su", "x", mode, AE_IFREG, ""}});
  const auto summary = transfer::examine(archive_source(path), {});
  REQUIRE_FALSE(summary);
  CHECK(to_text(summary.error()) == "archive '" + path + "': 'bin/su' runs as its owner or group (setuid, setgid)\n  take that off before it is packed: chmod u-s,g-s");
  CHECK(transfer::examine(archive_source(make_archive(folder / ("folder." + format), format, {{"bin/", "", 03775, AE_IFDIR, ""}, {"bin/a", "x"}})), {}));
}

TEST_CASE("links that stay in an archive's tree pass, others don't") {
  using transfer::ArchiveNames;
  CHECK(ArchiveNames::stays_inside("a", "b"));
  CHECK(ArchiveNames::stays_inside("d/a", "../b/c"));
  CHECK(ArchiveNames::stays_inside("d/e/a", ".././../b/"));
  CHECK(ArchiveNames::stays_inside("d/a", ".."));
  CHECK_FALSE(ArchiveNames::stays_inside("a", ".."));
  CHECK_FALSE(ArchiveNames::stays_inside("d/a", "../.."));
  CHECK_FALSE(ArchiveNames::stays_inside("d/a", "b/../../.."));
  CHECK_FALSE(ArchiveNames::stays_inside("d/a", "b/.."));
  CHECK_FALSE(ArchiveNames::stays_inside("a", "/b"));
  CHECK_FALSE(ArchiveNames::stays_inside("a", ""));
}

TEST_CASE("what is no archive, cut short, or empty is an error of the recipe") {
  const TempDir folder;
  const auto code_and_text = [&](const std::string& path) {
    const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
    REQUIRE_FALSE(packed);
    CHECK(packed.error().code == ErrorCode::recipe);
    return to_text(packed.error());
  };
  CHECK(code_and_text(folder / "none.zip") ==
        "archive '" + folder / "none.zip" +
            "' does not exist\n  build it first, or correct `source: archive` in the recipe");
  CHECK(code_and_text(folder.path()) ==
        "archive '" + folder.path().string() + "' is no file\n  for a directory use `source: directory`");
  CHECK(code_and_text(folder.write("text.tar", "I am a text, not an archive")).find("can't be unpacked") !=
        std::string::npos);
  CHECK(code_and_text(make_archive(folder / "empty.tar", "tar", {})).find("has nothing to deploy") !=
        std::string::npos);
  Dice dice(7);
  for (const std::string how : {"tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip"}) {
    INFO(how);
    const auto path = make_archive(folder / ("cut." + how), how, {{"first", "x"}, {"second", dice.bytes(400'000)}});
    fs::resize_file(path, 200'000);
    const std::string text = code_and_text(path);
    if (how == "tar") CHECK_THAT(text, Catch::Matchers::ContainsSubstring("the archive is damaged: it is cut short\n"));
  }
  CHECK_THAT(code_and_text(make_archive(folder / "locked.zip", "locked.zip", {{"a", "x"}})),
             Catch::Matchers::ContainsSubstring("'a': it is encrypted\n  make the archive without a password"));
}

TEST_CASE("a damaged archive is an error, also where its packed bytes make sense") {
  const TempDir folder;
  // Of noise, which gzip stores as it is.
  const std::string noise = Dice(7).bytes(400'000);
  const auto error_of = [&](const std::string& path) {
    const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
    if (packed) return std::string();
    CHECK(packed.error().code == ErrorCode::recipe);
    return to_text(packed.error());
  };
  for (const std::string how : {"tar.gz", "tar.bz2", "tar.xz", "zip"}) {
    CAPTURE(how);
    const auto path = make_archive(folder / ("flipped." + how), how, {{"first", "x"}, {"second", noise}});
    REQUIRE(error_of(path).empty());
    std::string bytes = folder.read("flipped." + how);
    bytes[200'000] ^= 1;
    CHECK_FALSE(error_of(folder.write("flipped." + how, bytes)).empty());
  }
  const std::string whole = folder.read(fs::path(make_archive(folder / "x.tar.gz", "tar.gz", {{"first", "x"}, {"second", noise}})).filename().string());
  const auto with = [&](const std::string& bytes) { return error_of(folder.write("y.tar.gz", bytes)); };
  const auto flipped = [&](std::size_t from_end) {
    std::string bytes = whole;
    bytes[bytes.size() - from_end] ^= 1;
    return bytes;
  };
  CHECK(with(flipped(6)) ==
        "archive '" + folder / "y.tar.gz" + "': 'second': the archive is damaged: incorrect data check\n  fetch or build it again");
  CHECK_THAT(with(flipped(2)), Catch::Matchers::ContainsSubstring("the archive is damaged: incorrect length check"));
  CHECK_THAT(with(whole.substr(0, whole.size() - 4)), Catch::Matchers::ContainsSubstring("the archive is damaged: it is cut short"));
  CHECK_THAT(with(whole + "behind"), Catch::Matchers::ContainsSubstring("the archive is damaged: what stands behind the end of what gzip has packed is not gzip's"));
  CHECK(with(whole + std::string(5000, '\0')).empty());
}

TEST_CASE("a packed archive's last sum is compared, which stands behind all that is unpacked of it") {
  const TempDir folder;
  // So that it is full of what unpackers keep back until they have the next piece: 64 KiB, and 128 KiB.
  folder.write("noise", Dice(9).bytes(125'000));
  const std::string pack = "cd \"$1\" && tar -cf x.tar noise && gzip -k x.tar && xz -k x.tar && zstd -q x.tar && "
                           "python3 -c 'import bz2, sys; sys.stdout.buffer.write(bz2.compress(open(\"x.tar\", \"rb\").read()))' >x.tar.bz2";
  REQUIRE(run_program({"sh", "-c", pack, "sh", folder.path().string()}).status == 0);
  for (const std::string how : {"gz", "xz", "zst", "bz2"}) {
    CAPTURE(how);
    const std::string whole = folder.read("x.tar." + how);
    const auto summary_of = [&](const std::string& bytes) { return transfer::examine(archive_source(folder.write("y.tar." + how, bytes)), {}); };
    const auto list = [&](const std::string& bytes) { return pack_all(archive_source(folder.write("y.tar." + how, bytes)), Encoding::none, folder / "cache"); };
    const auto packed = list(whole);
    REQUIRE(packed);
    CHECK(packed->bytes.find(folder.read("noise")) != std::string::npos);
    std::string flipped = whole;
    flipped[60'000] ^= 0x40;
    for (const auto& bytes : {flipped, whole.substr(0, whole.size() - 3)}) {
      const auto listed = list(bytes);
      const auto summary = summary_of(bytes);
      REQUIRE_FALSE(listed);
      REQUIRE_FALSE(summary);
      for (const auto& error : {listed.error(), summary.error()}) {
        CHECK(error.code == ErrorCode::recipe);
        if (how == "bz2" && bytes == flipped) continue;  // another text, which need be no tar any more
        CHECK_THAT(to_text(error), Catch::Matchers::ContainsSubstring("the archive is damaged: ") && Catch::Matchers::ContainsSubstring("\n  fetch or build it again"));
      }
    }
    CHECK(list(whole + whole));  // which unpacks to a tar with another one behind its end
  }
}

TEST_CASE("a gzip archive of several members is one, and all that is packed is looked at") {
  const TempDir folder;
  const std::string noise = Dice(7).bytes(400'000);
  make_archive(folder / "x.tar", "tar", {{"first", "x"}, {"second", noise}});
  REQUIRE(run_program({"sh", "-c", "cd \"$1\" && head -c 100000 x.tar | gzip >one && { tail -c +100001 x.tar; head -c 1000000 /dev/zero; } | gzip >two", "sh", folder.path().string()}).status == 0);
  const std::string one = folder.read("one"), two = folder.read("two");
  const auto list = [&](const std::string& bytes) { return pack_all(archive_source(folder.write("y.tar.gz", bytes)), Encoding::none, folder / "cache"); };
  const auto packed = list(one + two);
  REQUIRE(packed);
  CHECK(packed->bytes.find(noise) != std::string::npos);
  for (const std::size_t at : {one.size() - 6, one.size() + 1, one.size() + two.size() - 6}) {
    std::string bytes = one + two;
    bytes[at] ^= 1;
    CHECK_FALSE(list(bytes));
  }
}

TEST_CASE("holes of an archive's files are zeros, also at the end of a file and where it has nothing else") {
  const TempDir folder;
  const std::string make = "cd \"$1\" && mkdir t && cd t && truncate -s 300000 hole && printf x >start && truncate -s 300000 start && truncate -s 200000 end && "
                           "printf x >>end && tar --sparse --format=\"$2\" -cf ../x.tar . && rm -r ../t";
  for (const std::string format : {"gnu", "posix"}) {
    CAPTURE(format);
    REQUIRE(run_program({"sh", "-c", make, "sh", folder.path().string(), format}).status == 0);
    const auto packed = pack_all(archive_source(folder / "x.tar"), Encoding::none, folder / "cache");
    INFO((packed ? "" : to_text(packed.error())));
    REQUIRE(packed);
    const auto out = folder / format;
    unpack(packed->bytes, Encoding::none, "tar", out);
    const auto content = [&](const std::string& name) { return folder.read(format + '/' + name); };
    CHECK(content("hole") == std::string(300'000, '\0'));
    CHECK(content("start") == 'x' + std::string(299'999, '\0'));
    CHECK(content("end") == std::string(200'000, '\0') + 'x');
  }
}

TEST_CASE("an archive's names are kept byte for byte") {
  const TempDir folder;
  const std::vector<std::string> names{"\xff\xfe", "new\nline", "back\\slash", "ünï", "-rf"};
  std::vector<Item> items;
  for (const auto& name : names) items.push_back({name, "x"});
  const auto path = make_archive(folder / "a.tar", "tar", items);
  const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
  REQUIRE(packed);
  unpack(packed->bytes, Encoding::none, "tar", folder / "out");
  const auto tree = snapshot(folder / "out");
  CHECK(tree.size() == names.size());
  for (const auto& name : names) CHECK(tree.count(name) == 1);
}

TEST_CASE("strip takes leading parts off every name, of hard links' targets too, and leaves out what has no more") {
  const TempDir folder;
  const std::vector<Item> items{folder_item("./"),
                                {"README", "beside"},
                                folder_item("shop-1.2/", 0700),
                                {"shop-1.2/lib/code", "x"},
                                hard_link("shop-1.2/bin", "./shop-1.2/lib/code"),
                                soft_link("./shop-1.2/lib/link", "../shop-1.2/lib"),
                                {"other//top", "y", 0600}};
  const auto tree_of = [&](const std::string& how, int strip) {
    const auto packed = pack_all(archive_source(make_archive(folder / ("a." + how), how, items), {}, strip), Encoding::none, folder / "cache");
    REQUIRE(packed);
    const auto out = folder / fmt::format("{}-{}", how, strip);
    unpack(packed->bytes, Encoding::none, "tar", out);
    if (strip == 1) CHECK(fs::equivalent(out + "/bin", out + "/lib/code"));
    return snapshot(out);
  };
  for (const std::string how : {"tar", "pax", "tar.zst"}) {
    INFO(how);
    CHECK(tree_of(how, 0).size() == 8);
    CHECK(tree_of(how, 1) == std::map<std::string, std::string>{{"lib", "directory 755"},
                                                                {"lib/code", file_line(0644, "x")},
                                                                {"bin", file_line(0644, "x")},
                                                                {"lib/link", "link to ../shop-1.2/lib"},
                                                                {"top", file_line(0600, "y")}});
  }
}

TEST_CASE("what an archive's links and names lead to is judged as they are after strip") {
  struct Case {
    int strip;
    std::vector<Item> items;
    std::string message;
  };
  const std::vector<Case> cases{
      {1, {soft_link("top/d/a", "../../x")}, "'d/a' is a link to '../../x', which may leave the release\n  pack the archive anew without it"},
      {1, {{"one/a", "x"}, {"two/a", "x"}}, "'a' is there twice\n  pack the archive anew without it"},
      {1, {{"top", "x"}, hard_link("top2/a", "top")},
       "'a' is a hard link to 'top', of which `strip: 1` leaves nothing\n  lower `strip`, or pack the archive anew"},
      {1, {{"..", "x"}, {"top/a", "x"}}, "'..' climbs with '..'\n  pack the archive anew without it"},
      {1, {{"/top/a", "x"}}, "'/top/a' is an absolute name\n  pack the archive anew without it"},
  };
  const TempDir folder;
  for (const auto& [strip, items, message] : cases) {
    const auto path = make_archive(folder / "a.tar", "tar", items);
    const auto summary = transfer::examine(archive_source(path, {}, strip), {});
    REQUIRE_FALSE(summary);
    CHECK(to_text(summary.error()) == "archive '" + path + "': " + message);
  }
  const auto path = make_archive(folder / "a.tar", "tar", {folder_item("top"), {"top/a", "x"}, soft_link("b", "/etc")});
  CHECK(transfer::examine(archive_source(path, {}, 1), {}));  // the link is left out, so it leads nowhere
  const auto none = transfer::examine(archive_source(path, {}, 2), {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::recipe);
  CHECK(to_text(none.error()) == "archive '" + path + "' has nothing to deploy\n  `strip: 2` may be too much for its names");
}

TEST_CASE("strip counts parts, and no more than there are") {
  using transfer::ArchiveNames;
  CHECK(ArchiveNames::stripped("a/b/c", 0) == "a/b/c");
  CHECK(ArchiveNames::stripped("a/b/c", 1) == "b/c");
  CHECK(ArchiveNames::stripped("a/b/c", 2) == "c");
  CHECK(ArchiveNames::stripped("a/b/c", 3).empty());
  CHECK(ArchiveNames::stripped("a", 100).empty());
  CHECK(ArchiveNames::stripped("", 1).empty());
}
