// `deploy prune` on real servers.
#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"
#include "support/skip.h"
#include "support/temp_dir.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

TEST_CASE("a prune removes what a deploy would remove, now, and never what serves or would") {
  World world({.hosts = 2});
  world.write_recipe("keep_releases: 5\n");
  std::vector<std::string> ids;
  for (int i = 1; i <= 4; ++i) {
    world.write_app(std::to_string(i));
    REQUIRE(world.deploy({"production"}).status == 0);
    ids.push_back(world.host(0).live());
  }
  fs::create_directories(world.host(1) / "releases/20990101000000");
  world.host(1).write(".kirikae/releases/20990101000000", "state preparing\nrevision r\nby bob@ci\nprevious \n");
  fs::create_directories(world.host(1) / "releases/20010101000000");  // another tool's
  std::string before = world.host(0).snapshot() + world.host(1).snapshot();
  Ran ran = world.deploy({"prune", "production", "-n", "--keep", "2"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out == "127.0.0.1: would remove " + ids[0] + ", " + ids[1] + "\n127.0.0.2: would remove " + ids[0] + ", " + ids[1] +
                         ", 20990101000000\n");
  REQUIRE(world.host(0).snapshot() + world.host(1).snapshot() == before);
  ran = world.deploy({"production", "prune", "--keep", "2"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).releases() == std::vector<std::string>{ids[2], ids[3]});
  REQUIRE(world.host(1).releases() == std::vector<std::string>{"20010101000000", ids[2], ids[3]});
  REQUIRE(world.host(1).version() == "4");
  fs::remove(world.host(1) / "releases/20010101000000");
  REQUIRE(world.broken_invariants() == "");
  ran = world.deploy({"prune", "production", "--keep", "1"});  // the rollback target stays
  INFO(ran);
  REQUIRE(ran.out == "there is nothing to remove\n");
  REQUIRE(world.deploy({"rollback", "production"}).status == 0);
  // What can't be removed is an error here; the rest is removed.
  REQUIRE(world.deploy({"prune", "production", "--keep", "0"}).status == 2);
}

TEST_CASE("an old release in which something is mounted is named and stays, with what is mounted there, until it is unmounted") {
  if (is_skipped_without_mounts()) return;
  const TempDir folder;
  World world({.replaced = {{"/etc/issue", folder.write("issue", "of a server with mounts of its own\n")}}});
  world.write_recipe("keep_releases: 1\nshared: {directories: [up]}\n");
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  if (GENERATE(false, true)) {
    const auto tree = world.host(0).tree();
    fs::rename(tree / "releases", tree / "on a \\ disk");
    fs::create_directory_symlink("on a \\ disk", tree / "releases");
  }
  const std::string first = world.host(0).live(), there = world.deploy_to() + "/releases/" + first + "/m";
  const Ran mounted = world.deploy({"run", "production", "--",
                                    "echo precious >\"$SHARED_PATH/up/file\"; mkdir m; mount --bind \"$SHARED_PATH/up\" '" + there + "'; ls m"});
  INFO(mounted);
  REQUIRE_THAT(mounted.out, ContainsSubstring("file"));
  for (const char* version : {"2", "3"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    if (*version == '3') CHECK_THAT(ran.err + ran.out, ContainsSubstring(": unmount what is in it"));
  }
  CHECK(world.host(0).read("shared/up/file") == "precious\n");
  CHECK(world.host(0).exists("releases/" + first + "/VERSION"));
  REQUIRE(world.deploy({"run", "production", "--", "umount '" + there + "'"}).status == 0);
  const Ran ran = world.deploy({"prune", "production"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_FALSE(world.host(0).exists("releases/" + first));
  CHECK(world.host(0).read("shared/up/file") == "precious\n");
}

TEST_CASE("what a prune could not remove goes with the next one, and the audit tells of both; so do releases that were never switched to", "[slow]") {
  const TempDir shims;
  shims.write("rm", "#!/bin/sh\ncase $* in *.pruned-*) [ ! -e " + shims / "held" + " ] || { echo 'rm: held' >&2; exit 1; } ;; esac\nexec /bin/rm \"$@\"\n", 0755);
  World world({.path = shims.path().string() + ":/usr/bin:/bin"});
  world.write_recipe("keep_releases: 5\n");
  std::vector<std::string> ids;
  for (const char* version : {"1", "2", "3"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
    ids.push_back(world.host(0).live());
  }
  const std::string left = "releases/.pruned-" + ids[0];
  shims.write("held", "");
  Ran ran = world.deploy({"prune", "production", "--keep", "1"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("can't remove all of '"));
  REQUIRE(world.host(0).exists(left));
  REQUIRE_THAT(world.host(0).read(".kirikae/log.jsonl"),
               ContainsSubstring("\"result\":\"failed\",\"detail\":\"was to remove " + ids[0] + "\"}\n"));
  fs::remove(shims.path() / "held");
  REQUIRE(world.deploy({"prune", "production", "-n", "--keep", "1"}).out == "127.0.0.1: would remove what an earlier prune has left\n");
  ran = world.deploy({"prune", "production", "--keep", "1"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out == "127.0.0.1: removed what an earlier prune has left\n");
  REQUIRE_FALSE(world.host(0).exists(left));
  REQUIRE_THAT(world.deploy({"audit", "production"}).out, ContainsSubstring("removed what an earlier prune has left"));
  // A run that was lost before its switch.
  fs::create_directories(world.host(0) / "releases/20990101000000");
  world.host(0).write(".kirikae/releases/20990101000000", "state ready\nrevision r\nby bob@ci\nprevious " + ids[2] + "\n");
  REQUIRE_THAT(world.deploy({"status", "production"}).out, ContainsSubstring("unfinished: 20990101000000;"));
  ran = world.deploy({"prune", "production"});
  INFO(ran);
  REQUIRE(ran.out == "127.0.0.1: removed 20990101000000\n");
  REQUIRE(world.host(0).releases() == std::vector<std::string>{ids[1], ids[2]});
  REQUIRE(world.broken_invariants() == "");
}
