// The rest of a release, from another release that the host has: lib/host/rebuild.sh.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <tuple>

#include "host/rebuilding.h"
#include "support/catch.h"
#include "support/noise.h"
#include "support/skip.h"

namespace kirikae::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

const Files one{{"a b/it's $x \"y\" *", {"one"}}, {"tool", {"t", 0755}}, {"jar", {large('j')}}, {"gone", {"g"}}, {"-dash", {"d", 0600}}, {"new\nline", {"n"}}};

Files two() {
  Files files = one;
  files.erase("gone");
  files.erase("jar");
  files["lib/jar"] = {large('j'), 0755};
  files["tool"].content = "t2";
  files["more/empty"] = {""};
  return files;
}

}  // namespace

TEST_CASE("what a host has in another release is taken from there, whatever it is called, and only the rest is sent") {
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  const bool full = GENERATE(false, true);
  INFO(shell << (link ? ", linked" : ", copied") << (full ? ", all sums compared" : ""));
  Rebuilding host(shell);
  auto ended = host.receive(id1, one);
  INFO(ended);
  REQUIRE(ended.status == 0);
  host.check(id1);
  ended = host.receive(id2, two(), id1, {link, full});
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(host.sent() == 6);  // two folders of what is reused, one more with an empty file, tool, and what no line can hold
  host.check(id2);
  CHECK((host.inode(id1 + "/-dash") == host.inode(id2 + "/-dash")) == link);
  CHECK(host.inode(id1 + "/jar") != host.inode(id2 + "/lib/jar"));  // another mode
  // And on, from what was taken over itself.
  ended = host.receive(id3, two(), id2, {link, full});
  INFO(ended);
  REQUIRE(ended.status == 0);
  host.check(id3);
}

TEST_CASE("a host without tr takes over what it has, too") {
  const TempDir folder;
  const bool full = GENERATE(false, true);
  Rebuilding host(busybox_without({"tr"}, folder));
  REQUIRE(host.receive(id1, one).status == 0);
  const auto ended = host.receive(id2, two(), id1, {.full = full});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(host.sent() == 6);
  host.check(id2);
}

TEST_CASE("hard links are made by perl, and by cp where that fails") {
  const auto shell = shells().front();
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  const auto calls = host.site.disk.temporary() + "/calls";
  const std::string does = GENERATE("command perl \"$@\"", "return 1");
  host.before_text = "perl() { echo \"$*\" >>'" + calls + "'; " + does + "; }\n";
  const auto ended = host.receive(id2, one, id1, {.link = true});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.err == "");
  host.check(id2);
  for (const auto& [path, file] : one) {
    if (path != "new\nline") CHECK(host.inode(id1 + "/" + path) == host.inode(id2 + "/" + path));
  }
  const auto called = host.site.disk.read("../../tmp/calls");
  CHECK(called.find("link $_") != std::string::npos);
  CHECK(std::ranges::count(called, '\n') == 1);
}

// Linking shared folders has put links in the base where the payload had folders: those files are nobody's release's.
TEST_CASE("what lies behind a link of the base is never a hard link, but the same as before", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string before = GENERATE("", "perl() { return 1; }\n");
  INFO(shell << ' ' << before);
  Rebuilding host(shell);
  Files files = one;
  files["log/a/.keep"] = {"kept"};
  files["log/moves"] = {large('m')};
  REQUIRE(host.receive(id1, files).status == 0);
  const auto log = host.site.disk.path("releases/" + id1 + "/log");
  const auto shared = host.site.disk.path("shared/log");
  fs::rename(log, shared);
  fs::create_symlink(shared, log);
  host.before_text = before;
  files["moves"] = files["log/moves"];
  files.erase("log/moves");
  auto ended = host.receive(id2, files, id1, {.link = true});
  INFO(ended);
  REQUIRE(ended.status == 0);
  host.check(id2);
  CHECK(host.inode(id1 + "/tool") == host.inode(id2 + "/tool"));
  CHECK(host.inode(id1 + "/log/a/.keep") != host.inode(id2 + "/log/a/.keep"));
  CHECK(host.inode(id1 + "/log/moves") != host.inode(id2 + "/moves"));
  // Somebody has written to it there.
  host.site.disk.write("srv/app/shared/log/a/.keep", "more of it");
  ended = host.receive(id3, files, id1, {.link = true});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK_THAT(ended.out, EndsWith("\nchanged=./log/a/.keep\n"));
}

TEST_CASE("a file that was changed within the second of its arrival is not taken over") {
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  if (!link && shell.name == "busybox") return;  // its cp takes over whole seconds
  INFO(shell << (link ? ", linked" : ", copied"));
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  const auto file = host.site.disk.path("releases/" + id1 + "/tool");
  struct stat was = {};
  REQUIRE(::stat(file.c_str(), &was) == 0);
  const timespec times[2] = {was.st_atim, {was.st_mtim.tv_sec, (was.st_mtim.tv_nsec + 10'000) % 1'000'000'000}};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  const auto ended = host.receive(id2, one, id1, {link});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK_THAT(ended.out, ContainsSubstring("changed=./tool\n"));
}

TEST_CASE("a large file is put together from pieces of the base's files and of what is sent, and has to have its sum") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  Files files{{"a large 'file'", {noise(2'000'000, 1), 0640}}, {"another", {noise(1'100'000, 2)}}, {"small", {"s"}}};
  REQUIRE(host.receive(id1, files).status == 0);
  host.check(id1);
  const std::string first = files["a large 'file'"].content;
  files["a large 'file'"] = {first.substr(100'000, 500'000) + noise(1234, 3) + first.substr(600'000) + noise(70'000, 4),
                             0750};
  files["new"] = {noise(5, 5) + files["another"].content};  // nothing in common: these chunks aren't cut by content
  files["twice"] = {first.substr(0, 20'000) + files["another"].content};
  SECTION("as they were") {
    const auto ended = host.receive(id2, files, id1);
    INFO(ended);
    REQUIRE(ended.status == 0);
    host.check(id2);
    // And on: with chunks that were taken over, and such as go.
    files.erase("another");
    REQUIRE(host.receive(id3, files, id2).status == 0);
    host.check(id3);
  }
  SECTION("edited in secret") {
    host.change_in_secret(id1 + "/another");
    const auto ended = host.receive(id2, files, id1);
    INFO(ended);
    CHECK(ended.status == host::base_changed);
    CHECK_THAT(ended.out, ContainsSubstring("changed=./twice\n"));
    CHECK_THAT(ended.out, !ContainsSubstring("changed=./a large"));
    REQUIRE(host.receive(id2, files, id1, {false, false, {"another", "twice"}}).status == 0);
    CHECK(host.site.disk.read("releases/" + id2 + "/twice") == files["twice"].content);
  }
}

TEST_CASE("what was changed on the host since it was deployed is told, and then comes again") {
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  INFO(shell << (link ? ", linked" : ", copied"));
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  const auto in = [](const std::string& path) { return "releases/" + id1 + "/" + path; };
  host.site.disk.write("srv/app/" + in("tool"), "edited by hand", 0755);
  fs::remove(host.site.disk.path(in("-dash")));
  auto ended = host.receive(id2, one, id1, {link});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK(ended.out.find("changed=./-dash\n") != std::string::npos);
  CHECK(ended.out.find("changed=./tool\n") != std::string::npos);
  CHECK(ended.out.find("a b") == std::string::npos);
  CHECK_FALSE(host.site.disk.exists(".kirikae/manifests/" + id2));
  ended = host.receive(id2, one, id1, {link, false, {"-dash", "tool"}});
  INFO(ended);
  REQUIRE(ended.status == 0);
  host.check(id2);
}

TEST_CASE("a file of the base that has become a pipe is told, and read by nobody", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  const bool full = GENERATE(false, true);
  INFO(shell << (link ? ", linked" : ", copied") << (full ? ", all sums compared" : ""));
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, {{"jar", {large('j')}}, {"tool", {"t"}}}).status == 0);
  for (const char* name : {"/jar", "/tool"}) {
    const auto file = host.site.disk.path("releases/" + id1 + name);
    fs::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0666) == 0);
    REQUIRE(::chmod(file.c_str(), 0666) == 0);
  }
  const auto ended = host.receive(id2, {{"moved", {large('j')}}, {"tool", {"t"}}}, id1, {link, full});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK_THAT(ended.out, ContainsSubstring("changed=./moved\n") && ContainsSubstring("changed=./tool\n"));
}

TEST_CASE("a file that was edited is told once, also where all sums are compared") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  host.site.disk.write("srv/app/releases/" + id1 + "/tool", "edited by hand", 0755);
  const auto ended = host.receive(id2, one, id1, {.full = true});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK_THAT(ended.out, EndsWith("changed=./tool\n"));
  CHECK(ended.out.find("changed=./tool\n") == ended.out.rfind("changed=./tool\n"));
}

TEST_CASE("a folder of the base that can't be entered is nothing that was taken over") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  host.site.disk.make_folder("srv/app/releases/" + id1 + "/cache", 0);
  const auto ended = host.receive(id2, one, id1, {.link = true});
  INFO(ended);
  CHECK(ended.status == 0);
  host.check(id2);
}

TEST_CASE("lists are sorted where the folder for temporary files can't be used") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  host.before_text = "TMPDIR=/nonexistent\nexport TMPDIR\n";
  REQUIRE(host.receive(id1, one).status == 0);
  const auto ended = host.receive(id2, two(), id1);
  INFO(ended);
  CHECK(ended.status == 0);
  host.check(id2);
}

TEST_CASE("what there is no room for is told as that, not as changed") {
  auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const std::string reason = GENERATE("No space left on device", "Disk quota exceeded");
  const bool moved = GENERATE(false, true);
  const Disk full("srv/full");
  full.write("bin/cp", "#!/bin/sh\n: >'" + full.path("is-full") + "'\necho \"cp: error writing 'x': " + reason + "\" >&2\nexit 1\n", 0755);
  // Nor is there any room for lists.
  full.write("bin/uniq", "#!/bin/sh\n[ -e '" + full.path("is-full") + "' ] || exec /usr/bin/uniq \"$@\"\necho 'uniq: write error' >&2\nexit 1\n", 0755);
  full.make_folder("srv/full");
  shell.path = full / "bin:" + shell.path;
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, {{"jar", {large('j')}}}).status == 0);
  const auto ended = host.receive(id2, {{moved ? "moved" : "jar", {large('j')}}}, id1);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("make room on the disk (cp: error writing 'x': " + reason + ")"));
  CHECK_THAT(ended.out, !ContainsSubstring("changed="));
}

TEST_CASE("what was changed in secret is found where all sums are compared, and what was moved always") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  host.change_in_secret(id1 + "/a b/it's $x \"y\" *");
  host.change_in_secret(id1 + "/jar");
  auto ended = host.receive(id2, one, id1, {false, true});
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK(ended.out.find("changed=./a b/it's $x \"y\" *\nchanged=./jar\n") != std::string::npos);
  ended = host.receive(id2, two(), id1);
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK(ended.out.find("changed=./lib/jar\n") != std::string::npos);
}

TEST_CASE("what was moved has its listed mode, whatever the mode of the host's copy is by now", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  const auto mode = GENERATE(mode_t{0666}, mode_t{04755});
  INFO(shell << (link ? ", linked " : ", copied ") << mode);
  Rebuilding host(shell);
  const Files files{{"jar", {large('j')}}, {"tool", {large('t'), 0755}}};
  REQUIRE(host.receive(id1, files).status == 0);
  const Files next{{"a b", {large('j')}}, {"tool-2", {large('t'), 0755}}};
  for (const auto* name : {"jar", "tool"}) REQUIRE(::chmod(host.site.disk.path("releases/" + id1 + "/" + name).c_str(), mode) == 0);
  CHECK(host.receive(id2, next, id1, {.link = link}).status == 0);
  host.check(id2);
  for (const auto& [name, file] : next) CHECK(host.site.disk.mode("releases/" + id2 + "/" + name) == file.mode);
  CHECK(host.site.disk.mode("releases/" + id1 + "/jar") == mode);
}

TEST_CASE("in a setgid folder everything has its group, whether it was sent or taken over") {
  if (is_skipped(::geteuid() != 0, "a second group is the superuser's to give")) return;
  const auto shell = GENERATE(from_range(shells()));
  const bool link = GENERATE(false, true);
  INFO(shell << (link ? ", linked" : ", copied"));
  Rebuilding host(shell);
  host.site.disk.make_folder("srv/app/releases");
  const auto releases = host.site.disk.path("releases");
  REQUIRE(::chown(releases.c_str(), static_cast<uid_t>(-1), Disk::second_group) == 0);
  REQUIRE(::chmod(releases.c_str(), 02775) == 0);
  // A link in the payload, to what is not the release's.
  host.site.disk.write("srv/app/elsewhere", "x");
  host.before_text = "ls() { [ -L link ] || ln -s '" + host.site.disk.path("elsewhere") + "' link; command ls \"$@\"; }\n";
  Files before = one, after = two();
  before["deep/er/same"] = after["deep/er/same"] = {"s"};
  before["deep/patched"] = {noise(2'000'000, 1)};
  after["deep/patched"] = {before["deep/patched"].content + "more"};
  for (const auto& [id, files, base] : {std::tuple(id1, before, std::string()), std::tuple(id2, after, id1), std::tuple(id3, after, id2)}) {
    const auto ended = host.receive(id, files, base, {.link = link});
    INFO(ended);
    REQUIRE(ended.status == 0);
    struct stat info = {};
    for (const auto& entry : fs::recursive_directory_iterator(host.site.disk.path("releases/" + id))) {
      INFO(entry.path());
      REQUIRE(::lstat(entry.path().c_str(), &info) == 0);
      CHECK(info.st_gid == Disk::second_group);
    }
    REQUIRE(::stat(host.site.disk.path("elsewhere").c_str(), &info) == 0);
    CHECK(info.st_gid != Disk::second_group);
    fs::remove(host.site.disk.path("releases/" + id + "/link"));
    host.check(id);
  }
  // What a hook has given away there, and serves, is left as it is.
  const auto given = host.site.disk.path("releases/" + id3 + "/deep/er/same");
  REQUIRE(::chown(given.c_str(), static_cast<uid_t>(-1), ::getegid()) == 0);
  REQUIRE(host.receive("20991231000000", after, id3, {.link = link}).status == 0);
  struct stat info = {};
  REQUIRE(::stat(given.c_str(), &info) == 0);
  CHECK(info.st_gid == ::getegid());
}

TEST_CASE("a release whose list is not the one that is meant, or is no longer there, is not built on") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  const auto ruin = GENERATE(as<std::string>{}, "sum", "files", "release");
  INFO(ruin);
  const auto list = "srv/app/.kirikae/manifests/" + id1;
  if (ruin == "sum") host.site.disk.write(list + "/sum", std::string(64, 'a') + "\n");
  if (ruin == "files") host.site.disk.write(list + "/files", "./x\t644 1\t" + std::string(64, 'a') + "\n");
  if (ruin == "release") fs::rename(host.site.disk.path("releases/" + id1), host.site.disk.path("releases/elsewhere"));
  auto ended = host.receive(id2, one, id1);
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK(ended.out.find("changed=*\n") != std::string::npos);
  ended = host.receive(id2, one);
  INFO(ended);
  REQUIRE(ended.status == 0);
  host.check(id2);
}

TEST_CASE("a release that is pruned takes its list with it") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  REQUIRE(host.site.control.run(host::prune(host.site.layout(), {id1})).status == 0);
  CHECK(host.site.disk.list(".kirikae/manifests").empty());
}

TEST_CASE("what is known of a release that somebody has removed by hand goes with the next prune, and nothing else does") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  const Disk& disk = host.site.disk;
  REQUIRE(host.receive(id1, one).status == 0);
  REQUIRE(host.receive(id2, one).status == 0);
  disk.write("srv/app/.kirikae/releases/notes", "mine\n", 0600);
  std::filesystem::remove_all(disk.path("releases/" + id1));
  REQUIRE(host.site.control.run(host::prune(host.site.layout(), {})).status == 0);
  CHECK(disk.list(".kirikae/manifests") == std::vector<std::string>{id2});
  CHECK(disk.list(".kirikae/releases") == std::vector<std::string>{id2, "notes"});
}

}  // namespace kirikae::test
