// Odd content, by the program to hosts that unpack with GNU tar and with busybox tar, and back by find and sha256sum.
//
//   ctest --test-dir build/dev -R 'integration: trees at random' -V    (it is [slow])
//   KIRIKAE_TREE_RUNS=500 …                                            so many trees instead of 60
//   KIRIKAE_TREE_SEED=1234 KIRIKAE_TREE_RUNS=1 …                       that one again
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include "integration/live_tree.h"
#include "integration/tools.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/random_tree.h"
#include "support/skip.h"
#include "support/thorough.h"

using namespace kirikae::test;
namespace fs = std::filesystem;

namespace {

// Two hosts: one unpacks with GNU tar, the other has nothing but busybox.
class BothTars {
 public:
  BothTars() {
    tools_of_busybox(busybox_);
    give_second_host(world, busybox_);
    world.write_recipe("tasks: {name: 'tar --version | head -n 1'}\nhooks: {after_upload: name}\nkeep_releases: 1\n");
  }
  // The source as it lies now.
  void deploy_alike() const {
    const Ran ran = world.start({"production"}).wait(std::chrono::minutes(20));
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.out, Catch::Matchers::ContainsSubstring("tar (GNU tar)") && Catch::Matchers::ContainsSubstring("tar (busybox)"));
    for (const auto& host : world.hosts()) {
      INFO(host.name());
      REQUIRE(changed_on_the_way(world.site() / "app", host) == "");
    }
  }
  World world{{.hosts = 2}};

 private:
  TempDir busybox_;
};

bool lacks_busybox() { return is_skipped(!installed("busybox"), "busybox is not installed"); }

void deploy_random_trees(unsigned long first, unsigned long count) {
  const BothTars hosts;
  const fs::path app = hosts.world.site() / "app";
  for (auto seed = first; seed < first + count; ++seed) {
    INFO("seed " << seed);
    fs::remove_all(app);
    Dice dice(seed);
    grow_tree(dice, app.string());
    if (fs::is_empty(app)) continue;  // nothing to deploy
    hosts.deploy_alike();
  }
}

}  // namespace

TEST_CASE("a few random trees of odd content come to GNU tar and to busybox tar bit for bit", "[slow]") {
  if (lacks_busybox()) return;
  deploy_random_trees(1, 5);
}

TEST_CASE("trees at random: whatever is in a source, its release is the same bit for bit", "[slow]") {
  if (lacks_busybox()) return;
  const auto first = number_from("KIRIKAE_TREE_SEED", std::random_device{}() % 1'000'000'000);
  const auto runs = number_from("KIRIKAE_TREE_RUNS", 60);
  std::cout << "seeds from " << first << " on, " << runs << " of them\n";
  deploy_random_trees(first, runs);
}

TEST_CASE("files that the hosts' user may not read come over each time, however they are sent and looked at", "[slow]") {
  if (is_skipped_without_mounts()) return;
  const Account account;
  World world({.account = &account});
  world.write_app("1");
  for (const mode_t mode : {0000, 0111, 0222}) world.write("app/dark/" + std::to_string(mode), std::string(3000, 'x'), mode);
  world.write_recipe(GENERATE(from_range(
      some_of(std::vector<std::string>{"", "verify: full\n", "transfer: rsync\n", "transfer: rsync\nverify: full\n", "reuse: link\n"}, 2))));
  INFO(world.read("site/deploy.yml"));
  for (const char* version : {"1", "2"}) {
    world.write("app/VERSION", version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(ran.err.find("sent again") == std::string::npos);
    REQUIRE(changed_on_the_way(world.site() / "app", world.host(0)) == "");
  }
}

TEST_CASE("a file of 5 GB, mostly a hole, and one of no bytes come over as they are", "[slow]") {
  if (lacks_busybox()) return;
  const BothTars hosts;
  const auto room = fs::space(hosts.world.site()).available;
  if (is_skipped(room < std::uintmax_t{16} << 30, "two releases of 5 GB need more room than is here")) return;
  const fs::path app = hosts.world.site() / "app";
  hosts.world.write("app/none", "");
  hosts.world.write("app/big", "the first bytes");
  const std::uintmax_t size = 5'000'000'001;
  for (const auto end : {size / 2, std::uintmax_t{1} << 32, size}) {  // data in the middle, where 32 bits end, and at the end
    fs::resize_file(app / "big", end - 4);
    std::ofstream(app / "big", std::ios::app) << "data";
  }
  REQUIRE(fs::file_size(app / "big") == size);
  hosts.deploy_alike();
}

TEST_CASE("two hundred thousand small files come over as they are", "[slow]") {
  if (lacks_busybox()) return;
  const BothTars hosts;
  const fs::path app = hosts.world.site() / "app";
  for (int folder = 0; folder < 200; ++folder) {
    const fs::path inner = app / ("folder" + std::to_string(folder));
    fs::create_directories(inner);
    for (int file = 0; file < 1000; ++file) std::ofstream(inner / std::to_string(file)) << folder << ' ' << file << '\n';
  }
  hosts.deploy_alike();
}
