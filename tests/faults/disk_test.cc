// A disk that fills up at any moment of a run. The second host's tree lies on a small file system of its own, where this machine lets us
// mount one.
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Over the folder of a world's second host.
class SmallDisk {
 public:
  bool mount(const World& world) {
    folder_ = world.host(1).tree().parent_path();
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=8m,nr_inodes=900,mode=0755") == 0 || (folder_.clear(), false);
  }
  ~SmallDisk() {
    if (!folder_.empty()) ::umount2(folder_.c_str(), MNT_DETACH);
  }

 private:
  std::filesystem::path folder_;
};

void make_room(const World& world) { std::filesystem::remove_all(world.host(1) / "shared/filler"); }

struct FullDisk {
  FullDisk() : rig(2, true, [this](World& world) { mounted = disk.mount(world); }) {}

  // Returns what the run came to.
  Ran run(Rig::Command command, const std::string& mood, const std::string& at) {
    rig.prepare(command);
    rig.settings = {"mood=" + mood, "at=" + at, "bad_host=127.0.0.2"};
    Ran ran = rig.world.deploy(rig.arguments(command));
    INFO(mood << " at " << at << ": " << ran);
    rig.check_truth(ran, false);
    rig.check_releases();
    make_room(rig.world);
    rig.check_convergence(command, ran.status == 0 ? Rig::End::done : Rig::End::not_done);
    return ran;
  }

  SmallDisk disk;  // goes after the rig's servers
  bool mounted = false;
  Rig rig;
};

bool can_mount(const FullDisk& full) {
  if (!full.mounted) std::cout << "skipped: no file system can be mounted here (root is needed)\n";
  return full.mounted;
}

}  // namespace

TEST_CASE("a disk that fills up at any point of a deploy: nothing is half-done, and once there is room, the next run converges") {
  const std::string mood = GENERATE("fill", "fill-inodes");
  FullDisk full;
  if (!can_mount(full)) return;
  int failed = 0;
  for (const std::string at : {"after_upload", "after_link", "build", "before_publish", "after_publish", "before_prune"}) {
    const Ran ran = full.run(Rig::Command::deploy, mood, at);
    INFO(mood << " at " << at << ": " << ran);
    if (at == "before_prune") {
      CHECK(ran.status == 0);
    } else if (at != "after_publish") {
      CHECK(ran.status == 1);
    }
    failed += ran.status != 0;
  }
  CHECK(failed >= 4);
}

TEST_CASE("a disk that fills up in a rollback: nothing is half-done, and once there is room, the next one converges") {
  const std::string mood = GENERATE("fill", "fill-inodes");
  FullDisk full;
  if (!can_mount(full)) return;
  for (const std::string at : {"before_publish", "after_publish"}) full.run(Rig::Command::rollback, mood, at);
}

TEST_CASE("a disk that is full before the run: it says so and changes nothing, a deploy and a rollback alike") {
  const std::string mood = GENERATE("fill", "fill-inodes");
  FullDisk full;
  if (!can_mount(full)) return;
  const World& world = full.rig.world;
  const std::string filler = (world.host(1) / "shared/filler").string();
  const std::string fill = mood == "fill" ? "head -c 50000000 /dev/zero >\"$1\" 2>/dev/null; :"
                                          : "mkdir \"$1\"; i=0; while true >\"$1/$i\"; do i=$((i + 1)); done 2>/dev/null; :";
  for (const auto command : {Rig::Command::deploy, Rig::Command::rollback}) {
    full.rig.prepare(command);
    run_program({"/bin/sh", "-c", fill, "sh", filler});
    const Ran ran = world.deploy(full.rig.arguments(command));
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.2]") &&
                            (ContainsSubstring("room on the disk") || ContainsSubstring("is full") || ContainsSubstring("free")));
    full.rig.check_truth(ran, false);
    make_room(world);
    full.rig.check_convergence(command, Rig::End::not_done);
  }
}
