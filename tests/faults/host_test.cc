// Hosts that can't do what they are told: full disks, payloads that arrive changed, others who write to the same tree.
#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

void add_big_file(const World& world) {
  const std::string file = (world.site() / "app/big").string();
  REQUIRE(run_program({"/bin/sh", "-c", "head -c 6000000 /dev/urandom >\"$1\"", "sh", file}).status == 0);
  world.write_manifest();
}

// What runs in the place of every command on the hosts; `on_second` is shell text for the second of two.
void enter_with(const World& world, const std::string& on_second) {
  world.write("../enter",
              "#!/bin/sh\nhost=${SSH_CONNECTION#* * }\nhost=${host% *}\nexec 9<" + (world / "hosts").string() +
                  "/\"$host\"\n[ \"$host\" != 127.0.0.2 ] || " + on_second + "\nexec /bin/sh \"$@\"\n",
              0755);
}

}  // namespace

TEST_CASE("a host that can't take the whole payload fails the upload with its own words; nothing is switched", "[slow]") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  add_big_file(world);
  enter_with(world,
             "{ ulimit -f 4000; trap '' XFSZ; }");  // no file may grow past 2 MB: as a full disk, but for one host
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("[127.0.0.2] unpack") && ContainsSubstring("big"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == first);
    REQUIRE(host.state(host.releases().back()) == "failed");
  }
  REQUIRE(world.broken_invariants().empty());
  enter_with(world, ":");
  const Ran again = world.deploy({"production"});
  INFO(again);
  REQUIRE(again.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.releases() == std::vector<std::string>{first, host.live()});
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a disk that has too little room is told in preflight, with what is needed, and nothing is written") {
  const TempDir shims;
  shims.write("df", "#!/bin/sh\n/bin/df \"$@\" | sed '2,3s/[0-9][0-9]*  *\\([0-9]*%\\)/100 \\1/; 2,3s/^ *[0-9][0-9]*  */100 /'\n", 0755);
  World world({.path = shims.path().string() + ":/usr/bin:/bin"});
  world.write_app("1");
  add_big_file(world);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("MiB free") || ContainsSubstring("inodes free"));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("a payload that arrives changed is refused by the host, naming both checksums") {
  const TempDir shims;
  // Computes wrong sums, but for the one that the tool is tried out with.
  for (const char* tool : {"openssl", "sha256sum", "shasum"}) {
    shims.write(tool,
                "#!/bin/sh\nsum=$(/usr/bin/" + std::string(tool) +
                    " \"$@\") || exit\ncase $sum in *e3b0c44298fc1c14*) ;; *) sum=\"= $(printf %064d 7)\" ;; "
                    "esac\necho \"$sum\"\n",
                0755);
  }
  World world({.path = shims.path().string() + ":/usr/bin:/bin"});
  world.write_app("1");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("arrived changed") && ContainsSubstring(std::string(63, '0') + "7"));
  REQUIRE(world.host(0).live().empty());
  REQUIRE(world.host(0).state(world.host(0).releases().front()) == "failed");
}

TEST_CASE("where somebody else has switched 'current' meanwhile, the switch is refused and theirs stays") {
  World world;
  std::vector<std::string> ids;
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
    ids.push_back(world.host(0).live());
  }
  world.write_recipe("vars: {other: " + ids[0] +
                     "}\ntasks: {meddle: 'ln -s \"releases/$other\" \"$CURRENT_PATH.x\"; mv -T \"$CURRENT_PATH.x\" "
                     "\"$CURRENT_PATH\"'}\nhooks: {before_publish: meddle}\n");
  world.write_app("3");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("somebody else"));
  REQUIRE(world.host(0).live() == ids[0]);
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a host whose folder for temporary files can't be used is deployed to all the same") {
  World world({.hosts = 2});
  world.write_app("1");
  enter_with(world, "export TMPDIR=/proc/none");
  for (const std::string version : {"1", "2"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == version);
    REQUIRE(world.broken_invariants().empty());
  }
}
