// Files made from templates, on their way into a release or into shared/.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "host/releases.h"
#include "support/catch.h"
#include "support/skip.h"

namespace kirikae::test {
namespace {

struct Placing {
  explicit Placing(const Shell& shell) : site(shell) { site.receive(id1, {{"config/old.conf", "old\n"}, {"file", "x"}}, {}, {{"out", "/tmp"}, {"config/link", "old.conf"}}); }

  Site site;
  std::string release = "releases/" + id1 + "/";

  Ended place(const std::string& to, const std::string& content, unsigned mode = 0644, bool shared = false) {
    return site.control.run(host::place_template(site.layout(), id1, to, shared, mode, content));
  }
  mode_t mode(const std::string& path) const { return site.disk.mode(path) & 07777U; }
};

}  // namespace

TEST_CASE("A template's result is placed whole, with its mode, parents made") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Placing one(shell);
  auto& disk = one.site.disk;
  const std::string content = "it's \\n %s $HOME `id` \"x\"\n\n -n\n\tend without a newline";
  auto ended = one.place("config/deep/er/app.conf", content, 0600);
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(disk.read(one.release + "config/deep/er/app.conf") == content);
  CHECK(one.mode(one.release + "config/deep/er/app.conf") == 0600);
  // Over what the payload brings, a link too, and again.
  CHECK(one.place("config/old.conf", "new\n", 0640).status == 0);
  CHECK(one.place("config/link", "file\n").status == 0);
  CHECK(one.place("config/link", "", 0444).status == 0);
  CHECK(one.place("config/link", "again\n").status == 0);
  CHECK(disk.read(one.release + "config/old.conf") == "new\n");
  CHECK(one.mode(one.release + "config/old.conf") == 0640);
  CHECK(disk.read(one.release + "config/link") == "again\n");
  CHECK(one.place("config/app.conf", "shared\n", 0640, true).status == 0);
  CHECK(disk.read("shared/config/app.conf") == "shared\n");
  CHECK(one.mode("shared/config/app.conf") == 0640);
  CHECK(strays(disk, id1).empty());
}

TEST_CASE("A template's result, and the folders that it needs, have the group of a setgid folder of releases") {
  if (is_skipped(::geteuid() != 0, "a second group is the superuser's to give")) return;
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.disk.make_folder("srv/app/releases");
  const auto releases = site.disk.path("releases");
  REQUIRE(::chown(releases.c_str(), static_cast<uid_t>(-1), Disk::second_group) == 0);
  REQUIRE(::chmod(releases.c_str(), 02775) == 0);
  site.receive(id1, {{"config/old.conf", "old\n"}});
  for (const std::string to : {"config/app.conf", "new/deep/app.conf", "app.conf"}) {
    REQUIRE(site.control.run(host::place_template(site.layout(), id1, to, false, 0640, "x")).status == 0);
  }
  for (const std::string path : {"config/app.conf", "new", "new/deep", "new/deep/app.conf", "app.conf"}) {
    INFO(path);
    struct stat info = {};
    REQUIRE(::lstat(site.disk.path("releases/" + id1 + "/" + path).c_str(), &info) == 0);
    CHECK(info.st_gid == Disk::second_group);
  }
}

TEST_CASE("A template's result is made beside its place, where a rename is one, and leaves nothing there") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Placing one(shell);
  auto& disk = one.site.disk;
  REQUIRE(one.place("config/app.conf", "1\n", 0640, true).status == 0);
  // Of a run that was killed days ago, and of another host's, which may live.
  const std::string dead = "srv/app/shared/config/.kirikae-template.AbCdEf12", living = ".kirikae-template.AbCdEf34";
  disk.write(dead, "x");
  fs::last_write_time(disk / dead, fs::file_time_type::clock::now() - std::chrono::hours(72));
  disk.write("srv/app/shared/config/" + living, "x");
  REQUIRE(one.place("config/app.conf", "2\n", 0640, true).status == 0);
  CHECK(disk.list("shared/config") == std::vector<std::string>{living, "app.conf"});
  fs::remove(disk.path("shared/config/" + living));
  // Where the folder takes no file, the one that is there stays.
  disk.write("srv/app/shared/config/deep", "no folder");
  const auto ended = one.place("config/deep/app.conf", "3\n", 0640, true);
  INFO(ended);
  CHECK(ended.status != 0);
  CHECK(disk.list("shared/config") == std::vector<std::string>{"app.conf", "deep"});
}

TEST_CASE("A template's parent that another host makes at the same time is no failure") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Placing one(shell);
  auto place = host::place_template(one.site.layout(), id1, "config/app.conf", true, 0644, "x");
  place.text.insert(0, "mkdir() { command mkdir \"$@\" && command mkdir \"$@\"; }\n");
  const auto ended = one.site.control.run(place);
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(one.site.disk.read("shared/config/app.conf") == "x");
}

// What another user could see of it: every program that the shell starts, with its arguments, as a printf before the real one in PATH
// writes them down. Only a shell without a printf of its own starts that.
TEST_CASE("No program gets a template's text, or the text of a step, as an argument") {
  const auto shell = GENERATE(from_range(shells_and("posh")));  // which has neither printf nor print
  INFO(shell);
  Shell spied = shell;
  const Disk seen("srv/spy");
  seen.make_folder("srv/spy");
  seen.write("bin/printf", "#!/bin/dash\nfor a do printf '%s\\n' \"$a\"; done >>'" + seen.path("log") + "'\nexec /usr/bin/printf \"$@\"\n", 0755);
  spied.path = seen / "bin:" + spied.path;
  Placing one(spied);
  REQUIRE(one.place("config/app.conf", "password=correct-horse\n").status == 0);
  CHECK(one.site.disk.read(one.release + "config/app.conf") == "password=correct-horse\n");
  const auto ended = one.site.control.run("export TOKEN='battery-staple'\necho done\n");
  CHECK(ended.status == 0);
  if (!seen.exists("log")) return;
  const std::string log = seen.read("log");
  CHECK(log.find("correct-horse") == std::string::npos);
  CHECK(log.find("battery-staple") == std::string::npos);
}

TEST_CASE("A template's result goes through no link, and over no directory") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Placing one(shell);
  auto ended = one.place("out/kirikae-template-test", "x");
  INFO(ended);
  CHECK(ended.status != 0);
  CHECK(ended.err.find("is a symbolic link") != std::string::npos);
  ended = one.place("config", "x");
  INFO(ended);
  CHECK(ended.status != 0);
  CHECK(ended.err.find("is a directory") != std::string::npos);
  ended = one.place("file/below", "x");
  INFO(ended);
  CHECK(ended.status != 0);
  CHECK(strays(one.site.disk, id1).empty());
}

TEST_CASE("No template is placed in a release that is complete") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  const auto ended = site.control.run(host::place_template(site.layout(), id1, "x", false, 0644, "x"));
  INFO(ended);
  CHECK(ended.status != 0);
  CHECK_FALSE(site.disk.exists("releases/" + id1 + "/x"));
}

}  // namespace kirikae::test
