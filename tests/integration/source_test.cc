#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "integration/live_tree.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/memory.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string sha256_of(const fs::path& file) { return run_program({"sha256sum", file.string()}).output.substr(0, 64); }

void write_random(const fs::path& file, std::uint64_t bytes) {
  REQUIRE(
      run_program({"/bin/sh", "-c", "head -c \"$1\" /dev/urandom >\"$2\"", "sh", std::to_string(bytes), file.string()})
          .status == 0);
}

}  // namespace

TEST_CASE("a release is the source, file for file: odd names, modes, links, empty folders") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write("app/odd/blank and 'quote' \"double\" $dollar `tick` *?[]", "1");
  world.write("app/odd/new\nline", "2");
  world.write("app/odd/-rf", "3");
  world.write("app/odd/ünïcödé", "4");
  world.write("app/odd/bytes\xff\xfe", "5");
  world.write("app/odd/back\\slash", "6");
  world.write("app/.hidden/.file", "7");
  world.write("app/" + std::string(120, 'd') + "/" + std::string(200, 'f'), "long");
  world.write("app/empty-file", "");
  world.write("app/modes/read-only", "x", 0444);
  world.write("app/modes/private", "x", 0600);
  world.write("app/modes/program", "x", 0755);
  fs::create_directories(world.site() / "app/empty/deeper");
  fs::create_symlink("index.html", world.site() / "app/link");
  fs::create_symlink("nowhere/at all", world.site() / "app/dangling");
  fs::create_directory_symlink("odd", world.site() / "app/folder-link");
  ::link((world.site() / "app/index.html").c_str(), (world.site() / "app/hard").c_str());
  world.write_manifest();
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(changed_on_the_way(world.site() / "app", host) == "");
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("setuid, setgid and sticky are dropped on the way") {
  World world;
  world.write_app("1");
  world.write("app/suid", "x");
  ::chmod((world.site() / "app/suid").c_str(), 06755);
  fs::create_directories(world.site() / "app/sticky");
  ::chmod((world.site() / "app/sticky").c_str(), 01777);
  REQUIRE(world.deploy({"production"}).status == 0);
  struct stat entry{};
  REQUIRE(::stat((world.host(0) / "current/suid").c_str(), &entry) == 0);
  REQUIRE((entry.st_mode & 07777) == 0755);
  REQUIRE(::stat((world.host(0) / "current/sticky").c_str(), &entry) == 0);
  REQUIRE((entry.st_mode & 07000) == 0);
}

TEST_CASE("excluded files stay here") {
  World world;
  world.write_app("1");
  world.write_recipe("source: {directory: app, exclude: [\"*.map\", \"/secret/\", \"!keep.map\", \".git/\"]}\n");
  for (const char* file : {"a.map", "deep/b.map", "keep.map", "secret/key", "deep/secret/kept", ".git/HEAD"})
    world.write("app/" + std::string(file), "x");
  const Ran ran = world.deploy({"production", "--revision", "r"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const FarmHost& host = world.host(0);
  for (const char* gone : {"a.map", "deep/b.map", "secret", ".git"})
    REQUIRE_FALSE(host.exists("current/" + std::string(gone)));
  for (const char* there : {"keep.map", "deep/secret/kept", "index.html"})
    REQUIRE(host.exists("current/" + std::string(there)));
}

TEST_CASE("an archive is deployed as it is; with a wrong sha256 nothing is connected to") {
  World world;
  world.write_app("1");
  for (const char* name : {"shop.tar.gz", "shop.tar", "shop.tar.zst"}) {
    if (std::string(name).ends_with("zst") && !installed("zstd")) continue;
    const fs::path archive = world.site() / name;
    REQUIRE(run_program({"tar", "-C", (world.site() / "app").string(), "-caf", archive.string(), "."}).status == 0);
    const std::string sum = sha256_of(archive);
    world.write_recipe("source: {archive: " + std::string(name) + ", sha256: " + sum + "}\n");
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(world.host(0).version() == "1");
    REQUIRE(world.host(0).read("current/REVISION") == sum + "\n");
    REQUIRE(world.broken_invariants().empty());
  }
  const World other;
  const std::string wrong(64, 'a');
  fs::copy_file(world.site() / "shop.tar", other.site() / "shop.tar");
  other.write_recipe("source: {archive: shop.tar, sha256: " + wrong + "}\n");
  const Ran ran = other.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status != 0);
  REQUIRE_THAT(ran.err, ContainsSubstring(wrong) && ContainsSubstring(sha256_of(world.site() / "shop.tar")));
  REQUIRE(other.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("an archive with an entry that leads out of the release is refused") {
  World world;
  world.write("app/x", "1");
  REQUIRE(run_program({"tar", "-C", (world.site() / "app").string(), "-cf", (world.site() / "evil.tar").string(),
                       "--transform=s,^x,../x,", "-P", "x"})
              .status == 0);
  world.write_recipe("source: {archive: evil.tar}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status != 0);
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("the revision of a source in a git work tree is its commit, 'dirty' where files differ") {
  if (!installed("git")) return;
  World world;
  world.write_app("1");
  const auto git = [&](const std::string& line) {
    const ProgramEnd end =
        run_program({"/bin/sh", "-c", "cd \"$1\" && export HOME=\"$1\" && git -c user.name=a -c user.email=a@b " + line,
                     "sh", world.site().string()});
    REQUIRE(end.status == 0);
    return end.output;
  };
  git("init -q .");
  git("add .");
  git("commit -q -m 1");
  const std::string commit = git("rev-parse HEAD").substr(0, 40);
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.host(0).read("current/REVISION") == commit + "\n");
  world.write("app/index.html", "changed\n");
  world.write_manifest();
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.host(0).read("current/REVISION") == commit + "-dirty\n");
  // As in a container whose user isn't the one that the checkout belongs to.
  world.environment = {"GIT_TEST_ASSUME_DIFFERENT_OWNER=1"};
  const std::string untold = "git does not tell the source's commit: detected dubious ownership in repository at ";
  for (const char* verb : {"check", "plan", "deploy"}) {
    const Ran ran = world.deploy({"production", verb});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.out + ran.err, ContainsSubstring(untold) && ContainsSubstring("; REVISION is the sum of the files"));
  }
  const Ran ran = world.deploy({"production", "--revision", commit});
  REQUIRE(ran.status == 0);
  REQUIRE((ran.out + ran.err).find(untold) == std::string::npos);
}

TEST_CASE("a source of 200 MB goes to three hosts within 64 MB of memory, packed once") {
  World world({.hosts = 3});
  world.write_app("1");
  for (int i = 0; i < 10; ++i) write_random(world.site() / ("app/data-" + std::to_string(i)), 20'000'000);
  world.write_manifest();
  const Ran ran = world.deploy({"production", "-q"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.broken_invariants().empty());
  REQUIRE(world.left_in_cache().empty());
  REQUIRE(ran.peak_kilobytes < memory_limit(64 * 1024 + 3 * 256));
}
