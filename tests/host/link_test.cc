// What a release doesn't bring itself: shared directories and files, and paths of the release before.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "host/releases.h"
#include "support/catch.h"

namespace kirikae::test {

namespace {

struct Linking {
  explicit Linking(const Shell& shell) : site(shell) {}

  Site site;
  std::string release = "releases/" + id1 + "/";

  Ended link(const std::vector<std::string>& directories, const std::vector<std::string>& files = {},
             const std::vector<std::string>& copied = {}, const std::string& previous = {}) {
    return site.control.run(host::link(site.layout(), Site::info(id1, previous), directories, files, copied));
  }
  std::string at(const std::string& name) const { return site.disk.path(release + name); }
};

// From a release's folder to the shared one.
const std::string up = "../";

}  // namespace

TEST_CASE("Shared directories are made on first use, and seeded once from what the payload brings") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  one.site.receive(id1, {{"log/seed.txt", "first\n"}, {"log/app/deep", "x"}, {"public/index", "x"}}, {},
                   {{"tmp", "log"}});
  auto ended = one.link({"log/app", "public/uploads", "tmp", "log"});
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(disk.link(one.release + "log") == up + up + "shared/log");
  CHECK(disk.link(one.release + "public/uploads") == up + up + up + "shared/public/uploads");
  CHECK(disk.link(one.release + "tmp") == up + up + "shared/tmp");  // a link of the payload's gives way
  CHECK(disk.read("shared/log/seed.txt") == "first\n");
  CHECK(disk.read("shared/log/app/deep") == "x");
  CHECK(disk.exists("shared/tmp"));
  CHECK(disk.read(one.release + "public/index") == "x");
  // Again: the same, since its answer may have been lost.
  ended = one.link({"log/app", "public/uploads", "tmp", "log"});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(disk.link(one.release + "log") == up + up + "shared/log");
  CHECK(disk.list("shared/log") == std::vector<std::string>{"app", "seed.txt"});
  CHECK(strays(disk, id1).empty());

  one.site.receive(id2, {{"log/seed.txt", "second\n"}});
  REQUIRE(one.site.control.run(host::link(one.site.layout(), Site::info(id2), {"log"}, {}, {})).status == 0);
  CHECK(disk.read("shared/log/seed.txt") == "first\n");
  CHECK(disk.read("releases/" + id2 + "/log/seed.txt") == "first\n");
}

TEST_CASE("A shared directory gets its first content whole or not at all, also where shared/ lies on another file system") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  one.site.receive(id1, {{"public/log/first", "x"}, {"public/log/second", "x"}});
  host::Command link = host::link(one.site.layout(), Site::info(id1), {"public/log"}, {}, {});
  const std::string text = link.text;
  // That one is full when the first of two files has come, be it by mv, which copies between file systems, or by cp.
  const std::string full = GENERATE(
      R"(mv() { case $1 in "$kk_shared"/*) command mv "$@" ;; *) mkdir "$2" && cp "$1/first" "$2" && false ;; esac; })",
      R"(kk_copy() { mkdir "$2" && cp "$1/first" "$2" && false; })");
  INFO(full);
  const auto seed = [&](const std::string& name) { return "shared/public/.kirikae-seed." + name; };
  const auto age = [&](const std::string& path) {
    std::filesystem::last_write_time(disk.path(path), std::filesystem::file_time_type::clock::now() - std::chrono::hours(72));
  };
  for (const char* name : {"ofadead1", "another1"}) disk.write("srv/app/" + seed(name) + "/new/first", "x");
  age(seed("ofadead1"));
  link.text = full + "\n" + text;
  const auto ended = one.site.control.run(link);
  INFO(ended);
  const std::vector<std::string> theirs = {".kirikae-seed.another1"}, both = {".kirikae-seed.another1", "log"};
  CHECK(disk.list("shared/public") == (ended.status == 0 ? both : theirs));
  link.text = text;
  REQUIRE(one.site.control.run(link).status == 0);
  CHECK(disk.list("shared/public/log") == std::vector<std::string>{"first", "second"});
  CHECK(disk.list("shared/public") == both);
  // Also where there is nothing to be seeded any more.
  disk.write("srv/app/" + seed("deadlate") + "/new/first", "x");
  age(seed("deadlate"));
  REQUIRE(one.site.control.run(link).status == 0);
  CHECK(disk.list("shared/public") == both);
}

TEST_CASE("A nested shared directory is seeded inside of one that was there before") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  one.site.disk.write("srv/app/shared/log/old", "old\n");
  one.site.receive(id1, {{"log/new", "new\n"}, {"log/app/deep", "deep\n"}});
  REQUIRE(one.link({"log", "log/app"}).status == 0);
  CHECK(one.site.disk.list("shared/log") == std::vector<std::string>{"app", "old"});
  CHECK(one.site.disk.read(one.release + "log/app/deep") == "deep\n");
}

TEST_CASE("Shared files replace the payload's, and all that are missing are named at once") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  disk.write("srv/app/shared/config/there.yml", "shared\n");
  disk.make_link("nowhere", "srv/app/shared/dangling");
  one.site.receive(id1, {{"config/there.yml", "payload\n"}, {"config/gone.yml", "payload\n"}});
  auto ended = one.link({"log"}, {"config/there.yml", "config/gone.yml", "dangling", ".env"});
  CHECK(ended.status == 1);
  CHECK(ended.err == "shared files are missing in '" + disk.path("shared") +
                         "': 'config/gone.yml' 'dangling' '.env': put them there, then deploy again\n");
  CHECK_FALSE(disk.exists("shared/log"));  // nothing was changed
  CHECK(disk.read(one.release + "config/gone.yml") == "payload\n");
  CHECK(one.site.facts({.files = {"config/there.yml", "config/gone.yml", "dangling", ".env"}}).missing_files ==
        std::vector<std::string>{"config/gone.yml", "dangling", ".env"});

  ended = one.link({}, {"config/there.yml"});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(disk.link(one.release + "config/there.yml") == up + up + up + "shared/config/there.yml");
  CHECK(disk.read(one.release + "config/there.yml") == "shared\n");
  CHECK(disk.read(one.release + "REVISION") == "revision-of-" + id1 + "\n");
}

TEST_CASE("A parent that is a symbolic link is refused before anything is written through it") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  disk.make_folder("srv/evil/deep");
  disk.write("srv/app/shared/config/x.yml", "secret\n");
  disk.write("srv/app/shared/a/b/c/x.yml", "secret\n");
  one.site.receive(id1, {{"a/real", "x"}, {"file", "x"}}, {},
                   {{"config", "../../../evil"}, {"a/b", "../../../../evil/deep"}});
  const auto refused = [&](const Ended& ended, const std::string& path, const std::string& parent) {
    INFO(ended);
    return ended.status == 1 &&
           ended.err == "'" + path + "': its parent '" + one.at(parent) +
                            "' is a symbolic link, so it could lie outside of the release: make it a real "
                            "directory in the source\n";
  };
  CHECK(refused(one.link({}, {"config/x.yml"}), "config/x.yml", "config"));
  CHECK(refused(one.link({"config/log"}), "config/log", "config"));
  CHECK(refused(one.link({"a/b/c"}), "a/b/c", "a/b"));
  CHECK(refused(one.link({}, {"a/b/c/x.yml"}), "a/b/c/x.yml", "a/b"));
  CHECK(refused(one.link({}, {}, {"config/copied"}), "config/copied", "config"));
  auto ended = one.link({"file/log"});
  CHECK(ended.err == "'file/log': its parent '" + one.at("file") + "' is a file: remove it from the source\n");
  CHECK(one.link({"file"}).err == "shared directory 'file' is a file in the release: remove it from the source\n");
  disk.write("srv/app/shared/a.yml", "x");
  CHECK(one.link({}, {"a"}).err.find("shared file 'a' is a directory in the release: remove it from the source\n") ==
        0);
  CHECK(disk.list("../evil") == std::vector<std::string>{"deep"});
  CHECK(disk.list("../evil/deep").empty());
}

TEST_CASE("A payload's REVISION that is a link isn't written through") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  one.site.disk.write("srv/victim", "untouched\n");
  one.site.receive(id1, {{"x", "x"}}, {}, {{"REVISION", "../../../victim"}});
  REQUIRE(one.link({}).status == 0);
  CHECK(one.site.disk.read("../victim") == "untouched\n");
  CHECK(one.site.disk.read(one.release + "REVISION") == "revision-of-" + id1 + "\n");
  CHECK(one.site.disk.link(one.release + "REVISION").empty());
}

TEST_CASE("Links are computed from where a release really lies") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  disk.make_folder("data/volume/releases");
  disk.make_link("../../data/volume/releases", "srv/app/releases");
  one.site.receive(id1, {{"x", "x"}});
  REQUIRE(one.link({"log"}).status == 0);
  CHECK(disk.link("releases/" + id1 + "/log") == "../../../../srv/app/shared/log");
  disk.write("srv/app/shared/log/there", "yes\n");
  CHECK(disk.read("releases/" + id1 + "/log/there") == "yes\n");
  REQUIRE(one.site.control.run(host::seal(one.site.layout(), Site::info(id1), one.site.facts())).status == 0);
  one.site.publish(id1);
  CHECK(disk.read("current/log/there") == "yes\n");
  CHECK(one.site.facts().live == id1);
}

TEST_CASE("Copied paths come from the release before, where the new one doesn't have them") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  one.site.receive(id2, {{"vendor/lib/a.php", "old\n"}, {"cache", "old\n"}, {"own", "old\n"}},
                   {{"vendor/lib/a.php", 0750}}, {{"vendor/link", "lib"}});
  one.site.receive(id1, {{"own", "new\n"}});
  const auto ended = one.link({}, {}, {"vendor/lib", "vendor/link", "cache", "own", "not/there"}, id2);
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(disk.read(one.release + "vendor/lib/a.php") == "old\n");
  CHECK(disk.mode(one.release + "vendor/lib/a.php") == 0750);
  CHECK(disk.link(one.release + "vendor/link") == "lib");
  CHECK(disk.read(one.release + "cache") == "old\n");
  CHECK(disk.read(one.release + "own") == "new\n");
  CHECK_FALSE(disk.exists(one.release + "not"));
  // Copies: the release before is as it was, and stays so.
  struct stat before{}, after{};
  REQUIRE(stat(disk.path("releases/" + id2 + "/cache").c_str(), &before) == 0);
  REQUIRE(stat(one.at("cache").c_str(), &after) == 0);
  CHECK(before.st_ino != after.st_ino);
  // The release before may be gone, and the first has none.
  CHECK(one.link({}, {}, {"more"}, id3).status == 0);
  CHECK(one.link({}, {}, {"more"}).status == 0);
}

TEST_CASE("A shared directory may lie in a copied one, and a copied path in a shared one") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  auto& disk = one.site.disk;
  one.site.receive(id2, {{"vendor/lib", "lib\n"}, {"vendor/cache/old", "x"}, {"log/copied", "no\n"}});
  one.site.receive(id1, {{"x", "x"}});
  const auto ended = one.link({"log", "vendor/cache"}, {}, {"vendor", "log/copied"}, id2);
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(disk.read(one.release + "vendor/lib") == "lib\n");
  CHECK(disk.link(one.release + "vendor/cache") == up + up + up + "shared/vendor/cache");
  CHECK(disk.list("shared/log").empty());
  // A directory of the release before that is a link by now would lead out.
  one.site.receive(id3, {{"x", "x"}}, {}, {{"etc", "../../../elsewhere"}});
  disk.make_folder("srv/elsewhere");
  one.site.receive("20261122040000", {{"x", "x"}});
  const auto refused = one.site.control.run(
      host::link(one.site.layout(), Site::info("20261122040000", id3), {"etc/conf.d"}, {}, {"etc"}));
  CHECK(refused.status == 1);
  CHECK(refused.err.find("is a symbolic link, so it could lie outside of the release") != std::string::npos);
  CHECK(disk.list("../elsewhere").empty());
}

TEST_CASE("A shared directory that is a file on the host, or a link to nowhere, is named") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  one.site.disk.write("srv/app/shared/log", "a file");
  one.site.receive(id1, {{"log/x", "x"}});
  CHECK(one.link({"log"}).err == "'" + one.site.disk.path("shared/log") + "' is no directory: move it away\n");
  one.site.disk.make_link("/nowhere", "srv/app/shared/tmp");
  CHECK(one.link({"tmp"}).err == "'" + one.site.disk.path("shared/tmp") + "' is a link to what isn't there: mount its disk, or make what it leads to\n");
}

TEST_CASE("A directory in the place of a shared file, as Docker makes one, is named, and is no file that is there") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Linking one(shell);
  one.site.disk.make_folder("srv/app/shared/.env");
  one.site.receive(id1, {{"index.html", "x"}});
  const std::string why = "'" + one.site.disk.path("shared/.env") + "' is a directory, not a file: move it away, and put the file there";
  const auto facts = one.site.facts({.files = {".env"}});
  CHECK(facts.payload_problems == std::vector<std::string>{why});
  CHECK(facts.missing_files.empty());
  const auto ended = one.link({}, {".env"});
  CHECK(ended.status == 1);
  CHECK(ended.err == why + "\n");
  CHECK_FALSE(one.site.disk.exists(one.release + ".env"));
}

}  // namespace kirikae::test
