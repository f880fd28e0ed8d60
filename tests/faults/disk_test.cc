// A disk that fills up at any moment of a run. The second host's tree lies on a small file system of its own, where this machine lets us
// mount one: as root, or else in a user namespace, where everybody may.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/temp_dir.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool mount_small(const std::filesystem::path& folder) {
  return ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=8m,nr_inodes=900,mode=0755") == 0;
}

bool unmount(const std::filesystem::path& folder) { return ::umount2(folder.c_str(), MNT_DETACH) == 0; }

bool can_mount() {
  const TempDir folder;
  return mount_small(folder.path()) && unmount(folder.path());
}

bool write_file(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

// User and mount namespaces of this process's own, in which it is who it was. Somebody outside has to say who that is: root there names all
// ids, since sshd wants more than one; others may name their own only. For the whole process; false where the system forbids it.
bool enter_namespaces() {
  const std::string own = "/proc/" + std::to_string(::getpid());
  const auto map = [](unsigned id) { return id == 0 ? std::string("0 0 65536\n") : std::to_string(id) + ' ' + std::to_string(id) + " 1\n"; };
  const std::string users = map(::geteuid()), groups = ::geteuid() == 0 ? map(0) : map(::getegid());
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return false;
  const pid_t helper = ::fork();
  if (helper == 0) {
    char byte = 0;
    ::close(ready[1]);
    const bool go = ::read(ready[0], &byte, 1) == 1;
    const bool may = go && (::geteuid() == 0 || write_file(own + "/setgroups", "deny"));
    ::_exit(may && write_file(own + "/uid_map", users) && write_file(own + "/gid_map", groups) ? 0 : 1);
  }
  ::close(ready[0]);
  const bool entered = helper > 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  if (entered && ::write(ready[1], "x", 1) != 1) ::kill(helper, SIGKILL);
  ::close(ready[1]);
  int status = 1;
  if (helper > 0) ::waitpid(helper, &status, 0);
  return entered && status == 0;
}

// Over the folder of a world's second host. Made before the world: its servers have to see what is mounted later.
class SmallDisk {
 public:
  SmallDisk() : possible_(can_mount() || (enter_namespaces() && can_mount())) {}
  ~SmallDisk() {
    if (!folder_.empty()) unmount(folder_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  void mount(const World& world) {
    if (!possible_) return;
    const auto folder = world.host(1).tree().parent_path();
    REQUIRE(mount_small(folder));
    folder_ = folder;
  }
  [[nodiscard]] bool possible() const { return possible_; }

 private:
  bool possible_;
  std::filesystem::path folder_;
};

void make_room(const World& world) { std::filesystem::remove_all(world.host(1) / "shared/filler"); }

struct FullDisk {
  FullDisk() : rig(2, Rig::Hooks::all, [this](World& world) { disk.mount(world); }) {}

  // Returns what the run came to.
  Ran run(Rig::Command command, const std::string& mood, const std::string& at) {
    rig.prepare(command);
    rig.settings = {"mood=" + mood, "at=" + at, "bad_host=127.0.0.2"};
    Ran ran = rig.world.deploy(rig.arguments(command));
    INFO(mood << " at " << at << ": " << ran);
    rig.check_truth(ran, false);
    rig.check_releases();
    check_status(rig.world);
    make_room(rig.world);
    rig.check_convergence(command, ran.status == 0 ? Rig::End::done : Rig::End::not_done);
    return ran;
  }

  SmallDisk disk;  // goes after the rig's servers
  Rig rig;
};

bool is_skipped_without_disk(const FullDisk& full) {
  return kirikae::test::is_skipped(!full.disk.possible(), "no file system can be mounted here, not even in a user namespace");
}

void fill_anywhere_in_a_deploy(const std::string& mood) {
  FullDisk full;
  if (is_skipped_without_disk(full)) return;
  int failed = 0;
  const std::vector<std::string> points{"after_upload", "after_link", "build", "after_publish", "before_publish", "before_prune"};
  for (const auto& at : some_of(points, 3)) {
    const Ran ran = full.run(Rig::Command::deploy, mood, at);
    INFO(mood << " at " << at << ": " << ran);
    if (at == "before_prune") {
      CHECK(ran.status == 0);
    } else if (at != "after_publish") {
      CHECK(ran.status == 1);
    }
    failed += ran.status != 0;
  }
  CHECK(failed >= (is_thorough() ? 4 : 2));
}

}  // namespace

TEST_CASE("a disk that fills up at any point of a deploy: nothing is half-done, and once there is room, the next run converges") {
  fill_anywhere_in_a_deploy("fill");
}

TEST_CASE("a disk that runs out of inodes at any point of a deploy: nothing is half-done, and once there are some, the next run converges", "[slow]") {
  fill_anywhere_in_a_deploy("fill-inodes");
}

TEST_CASE("a disk that fills up in a rollback: nothing is half-done, and once there is room, the next one converges", "[slow]") {
  FullDisk full;
  if (is_skipped_without_disk(full)) return;
  const std::vector<std::pair<std::string, std::string>> all{
      {"fill", "after_publish"}, {"fill", "before_publish"}, {"fill-inodes", "before_publish"}, {"fill-inodes", "after_publish"}};
  for (const auto& [mood, at] : some_of(all, 4)) full.run(Rig::Command::rollback, mood, at);
}

TEST_CASE("a disk that is full before the run: it says so and changes nothing, a deploy and a rollback alike", "[slow]") {
  const std::string mood = GENERATE("fill", "fill-inodes");
  FullDisk full;
  if (is_skipped_without_disk(full)) return;
  const World& world = full.rig.world;
  const std::string filler = (world.host(1) / "shared/filler").string();
  const std::string fill = mood == "fill" ? "head -c 50000000 /dev/zero >\"$1\" 2>/dev/null; :"
                                          : "mkdir \"$1\"; i=0; while true >\"$1/$i\"; do i=$((i + 1)); done 2>/dev/null; :";
  for (const auto command : {Rig::Command::deploy, Rig::Command::rollback}) {
    if (!is_thorough() && (mood == "fill") != (command == Rig::Command::deploy)) continue;
    full.rig.prepare(command);
    run_program({"/bin/sh", "-c", fill, "sh", filler});
    const Ran ran = world.deploy(full.rig.arguments(command));
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.2]") &&
                            (ContainsSubstring("room on the disk") || ContainsSubstring("is full") || ContainsSubstring("free")));
    full.rig.check_truth(ran, false);
    check_status(world);
    const Ran pruned = world.deploy({"prune", "production"});
    INFO(pruned);
    CHECK(pruned.status == 1);
    CHECK_THAT(pruned.err, ContainsSubstring("is full") && ContainsSubstring("remove a few files by hand: that is enough for 'deploy prune production'"));
    make_room(world);
    full.rig.check_convergence(command, Rig::End::not_done);
  }
}

TEST_CASE("a disk that is all but full: a rollback doesn't begin there, and a prune, which needs next to nothing, makes room", "[slow]") {
  const std::string mood = GENERATE(from_range(some_of(std::vector<std::string>{"fill", "fill-inodes"}, 2)));
  FullDisk full;
  if (is_skipped_without_disk(full)) return;
  const World& world = full.rig.world;
  for (int i = 0; i < 3; ++i) REQUIRE(world.deploy({"production", "--set", "keep_releases=9"}).status == 0);
  const std::string live = world.host(1).live();
  const auto releases = world.host(1).releases();
  // A block; or so many inodes, of which the lock takes two.
  const auto leave = [&](const std::string& inodes) {
    make_room(world);
    const std::string fill = mood == "fill" ? "head -c 50000000 /dev/zero >\"$1\" 2>/dev/null; truncate -s -4096 \"$1\""
                                            : "mkdir \"$1\"; i=0; while true >\"$1/$i\"; do i=$((i + 1)); done 2>/dev/null; rm $(seq -f \"$1/%g\" \"$2\")";
    REQUIRE(run_program({"/bin/sh", "-c", fill, "sh", (world.host(1) / "shared/filler").string(), inodes}).status == 0);
  };
  leave("5");
  Ran ran = world.deploy({"rollback", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.2] the disk of '") && ContainsSubstring(" free, a rollback needs ") &&
                          ContainsSubstring("\n  free some room: 'deploy prune production --keep N' removes old releases\n"));
  for (const auto& host : world.hosts()) CHECK(host.live() == live);
  leave("2");
  const Ran pruned = world.deploy({"prune", "production", "--keep", "1"});
  INFO(pruned);
  CHECK(pruned.status == 0);
  CHECK(world.host(1).releases() == std::vector<std::string>(releases.end() - 2, releases.end()));
  check_status(world);
  make_room(world);
  CHECK(world.deploy({"rollback", "production"}).status == 0);
  CHECK(world.host(1).live() == *(releases.end() - 2));
}
