// The next version of an application: only what has changed travels.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "support/catch.h"
#include "support/farm.h"
#include "support/noise.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

// What the table of hosts says was sent to a host: "34.1 kB".
std::uint64_t sent_bytes(const World& world, const FarmHost& host) {
  const Ran ran = world.deploy({"production", "--output", "json"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  const auto at = ran.out.rfind(R"("host":")" + host.name() + R"(")");
  REQUIRE(at != std::string::npos);
  const auto bytes = ran.out.find(R"("bytes":)", at);
  REQUIRE(bytes != std::string::npos);
  return std::stoull(ran.out.substr(bytes + 8));
}

void write_large_app(const World& world, const std::string& version) {
  world.write_app(version);
  world.write("app/data/a", noise(200'000, 1));
  world.write("app/data/b", noise(200'000, 2));
  world.write("app/with space/c", noise(100'000, 3));
  world.write_manifest();
}

}  // namespace

TEST_CASE("the next version sends what has changed, also from a machine that has never deployed it") {
  World world({.hosts = 2});
  write_large_app(world, "1");
  world.write_recipe("shared: {directories: [log]}\n");
  REQUIRE(sent_bytes(world, world.host(0)) > 500'000);
  write_large_app(world, "2");
  fs::rename(world.site() / "app/data/b", world.site() / "app/data/renamed");
  world.write_manifest();
  SECTION("from here") {}
  SECTION("from another machine") { fs::remove_all(world / "cache"); }
  REQUIRE(sent_bytes(world, world.host(0)) < 20'000);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.version() == "2");
    REQUIRE(host.read("current/data/renamed") == noise(200'000, 2));
    REQUIRE_FALSE(host.exists("current/data/b"));
  }
  REQUIRE(world.broken_invariants() == "");
}

TEST_CASE("a host that joins late, or was edited by hand, gets what it needs, and all run the same") {
  World world({.hosts = 3});
  write_large_app(world, "1");
  world.write_recipe();
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.1,127.0.0.2"}).status == 0);
  world.host(1).write("current/with space/c", "edited by hand");
  write_large_app(world, "2");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("[127.0.0.2] warning: 1 file of release") && ContainsSubstring("is sent again: with space/c"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.version() == "2");
    REQUIRE(host.read("current/with space/c") == noise(100'000, 3));
  }
}

TEST_CASE("an edited file in whose name a secret is, and many edited copies of one content, are sent again", "[slow]") {
  World world;
  world.write_app("1");
  for (const char* copy : {"a", "b", "c", "d", "e"}) world.write(std::string("app/copies/") + copy, noise(50'000, 9));
  world.write("app/by-s3cr3tw0rd.txt", noise(50'000, 10));
  world.write_manifest();
  world.write_recipe("secrets: {word: {command: 'echo s3cr3tw0rd'}}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  const bool named = GENERATE(true, false);
  for (const char* copy : {"a", "b", "c", "d"}) {
    if (!named) world.host(0).write(std::string("current/copies/") + copy, "edited " + std::string(copy));
  }
  if (named) world.host(0).write("current/by-s3cr3tw0rd.txt", "edited");
  world.write("app/VERSION", "2");
  world.write("app/copies/new", noise(50'000, 9));
  world.write_manifest();
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out + ran.err, !ContainsSubstring("s3cr3tw0rd"));
  for (const char* copy : {"a", "b", "c", "d", "e", "new"}) REQUIRE(world.host(0).read(std::string("current/copies/") + copy) == noise(50'000, 9));
  REQUIRE(world.host(0).read("current/by-s3cr3tw0rd.txt") == noise(50'000, 10));
}

TEST_CASE("what a build hook, a shared path and a template make of a release is not taken for its payload") {
  World world;
  write_large_app(world, "1");
  world.write("app/config.ini", "from the source\n");
  world.write_recipe(R"(shared: {directories: [log], files: [config.ini]}
tasks: {build: 'echo built >made; echo more >>data/a'}
hooks: {build: build}
)");
  world.host(0).write("shared/config.ini", "shared\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  write_large_app(world, "2");
  world.write("app/config.ini", "from the source\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).read("current/data/a") == noise(200'000, 1) + "more\n");
  REQUIRE(world.host(0).read("current/config.ini") == "shared\n");
  REQUIRE_THAT(ran.err, ContainsSubstring("1 file of release") && ContainsSubstring("is sent again: data/a"));
}

TEST_CASE("a payload's own REVISION, which the release's takes the place of, isn't taken for a change on the host") {
  World world;
  write_large_app(world, "1");
  world.write("app/REVISION", "of the build\n");
  world.write_recipe();
  for (int i = 0; i < 2; ++i) {
    const Ran ran = world.deploy({"production", "--revision", "v1"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(ran.err.find("warning") == std::string::npos);
    REQUIRE(world.host(0).read("current/REVISION") == "v1\n");
  }
}

TEST_CASE("'reuse: link' shares files between releases and says what that means; 'verify: full' finds what was changed in secret") {
  World world;
  write_large_app(world, "1");
  world.write_recipe();
  REQUIRE(world.deploy({"production"}).status == 0);
  const auto before = world.host(0).tree() / "releases" / world.host(0).live();
  Ran ran = world.deploy({"production", "--set", "reuse=link"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("whatever writes into one changes the live release, too"));
  REQUIRE(fs::equivalent(before / "data/a", world.host(0) / "current/data/a"));

  const auto file = world.host(0) / "current/data/b";
  struct stat info = {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  { std::ofstream(file, std::ios::in | std::ios::out) << "X"; }
  const timespec times[2] = {info.st_atim, info.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  ran = world.deploy({"production", "--set", "verify=full"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("is sent again: data/b"));
  REQUIRE(world.host(0).read("current/data/b") == noise(200'000, 2));
}

TEST_CASE("'reuse: link' never shares a file with a folder that was shared and is a part of the release again") {
  World world;
  world.write_app("1");
  world.write("app/log/seed", noise(30'000, 1));
  world.write_recipe("shared: {directories: [log]}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.host(0).read("shared/log/seed") == noise(30'000, 1));
  world.write_recipe("reuse: link\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.host(0).read("current/log/seed") == noise(30'000, 1));
  REQUIRE_FALSE(fs::equivalent(world.host(0) / "current/log/seed", world.host(0) / "shared/log/seed"));
}

TEST_CASE("the plan tells what would be sent, and what comes from where") {
  World world;
  write_large_app(world, "1");
  world.write_recipe();
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  write_large_app(world, "2");
  const Ran ran = world.deploy({"plan", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, Catch::Matchers::Matches(R"([\s\S]*upload +\d+ files?, [\d.]+ k?B, packed as \w+; \d+ of \d+ files, 5\d\d\.\d kB, copied from )" + first + R"([\s\S]*)"));
}

TEST_CASE("of a large file that has changed a little, only the changed parts are sent, be it renamed or not") {
  World world({.hosts = 2});
  std::string jar = noise(3'000'000, 8);
  world.write_app("1");
  world.write("app/lib/app-1.jar", jar);
  world.write_manifest();
  world.write_recipe();
  REQUIRE(sent_bytes(world, world.host(0)) > 3'000'000);
  jar.replace(1'000'000, 10, "0123456789");
  jar.insert(2'000'000, "some more");
  SECTION("from here") { world.write("app/lib/app-1.jar", jar); }
  SECTION("from another machine, with another name") {
    fs::remove_all(world / "cache");
    fs::remove(world.site() / "app/lib/app-1.jar");
    world.write("app/lib/app-2.jar", jar);
  }
  const std::string name =
      fs::exists(world.site() / "app/lib/app-2.jar") ? "current/lib/app-2.jar" : "current/lib/app-1.jar";
  fs::permissions(world.site() / "app" / name.substr(8), fs::perms::owner_all | fs::perms::group_read);
  world.write_manifest();
  const Ran plan = world.deploy({"plan", "production"});
  INFO(plan);
  REQUIRE_THAT(plan.out, ContainsSubstring("files and parts of 1, "));
  REQUIRE(sent_bytes(world, world.host(0)) < 120'000);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.read(name) == jar);
    REQUIRE(fs::status(host / name).permissions() == (fs::perms::owner_all | fs::perms::group_read));
    REQUIRE(fs::last_write_time(host / name) == fs::last_write_time(world.host(0) / name));
  }
  REQUIRE(world.broken_invariants() == "");
}

TEST_CASE("a part of a large file that is not what it was any more is noticed, and the file comes whole") {
  World world;
  std::string jar = noise(3'000'000, 8);
  world.write_app("1");
  world.write("app/app.jar", jar);
  world.write_recipe();
  REQUIRE(world.deploy({"production"}).status == 0);
  { std::fstream(world.host(0) / "current/app.jar", std::ios::in | std::ios::out) << "edited"; }
  jar.replace(1'000'000, 10, "0123456789");
  world.write("app/app.jar", jar);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("1 file of release") && ContainsSubstring("is sent again: app.jar"));
  REQUIRE(world.host(0).read("current/app.jar") == jar);
}

TEST_CASE("what only an older release has comes from there") {
  World world;
  world.write_app("1");
  world.write("app/data/old", noise(200'000, 1));
  world.write("app/data/both", noise(300'000, 2));
  world.write_recipe();
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string oldest = world.host(0).live();
  fs::remove(world.site() / "app/data/old");
  world.write("app/data/new", noise(400'000, 3));
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write("app/data/old again", noise(200'000, 1));
  SECTION("as it was") { REQUIRE(sent_bytes(world, world.host(0)) < 20'000); }
  SECTION("edited since") {
    world.host(0).write("releases/" + oldest + "/data/old", noise(200'000, 4));
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.err, ContainsSubstring("is sent again: data/old again"));
  }
  REQUIRE(world.host(0).read("current/data/old again") == noise(200'000, 1));
  REQUIRE(world.host(0).read("current/data/new") == noise(400'000, 3));
}
