// A payload by rsync: lib/host/rsync.sh. What stands for rsync here is tar, which reads what comes behind the list.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/digest.h"
#include "host/releases.h"
#include "release/manifest.h"
#include "support/catch.h"
#include "support/skip.h"

namespace kirikae::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Texts = std::map<std::string, std::string>;

release::Manifest manifest_of_texts(const Texts& files) {
  release::Manifest manifest;
  for (const auto& [path, content] : files) manifest[path] = {0644, content.size(), to_hex(sha256_bytes(content))};
  return manifest;
}

struct ByRsync {
  explicit ByRsync(const Shell& shell) : site(shell) {}

  // The host's answer where `files` are listed, and `sent` is what comes.
  Ended receive(const std::string& id, const Texts& files, const Texts& sent, host::Rsync how = {},
                const std::vector<std::string>& words = {"tar", "-xpf", "-"}) {
    if (!site.disk.exists("releases/" + id)) REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id))).status == 0);
    const auto list = release::to_text(manifest_of_texts(files));
    how.manifest = to_hex(sha256_bytes(list));
    std::map<std::string, mode_t> modes;
    for (const auto& [path, content] : sent) {
      if (!path.ends_with('/')) modes[path] = 0644;
    }
    return send(site.shell, site.disk, host::rsync(site.layout(), id, site.facts(), how, list.size(), words), list + tar(sent, modes));
  }
  Ended verify(const std::string& id, const Texts& files) {
    return site.control.run(host::verify(site.layout(), id, to_hex(sha256_bytes(release::to_text(manifest_of_texts(files))))));
  }

  Site site;
};

const Texts plain_files{{"a b", "one\n"}, {"it's $x \"y\" *", "two\n"}, {"-dash", ""}};

Texts with(Texts files, const std::string& path, const std::string& content) {
  files[path] = content;
  return files;
}

}  // namespace

TEST_CASE("what comes by rsync is compared with the list, which is kept, and the release goes on") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  // None is listed where there are but folders and links.
  const bool any = GENERATE(true, false);
  const Texts files = any ? plain_files : Texts();
  const Texts sent = any ? plain_files : Texts{{"empty/", ""}};
  const auto ended = host.receive(id1, files, sent);
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(ended.out == std::string(host::rsync_begins) + "\n");
  CHECK(host.site.disk.read(".kirikae/manifests/" + id1 + "/files") == release::to_text(manifest_of_texts(files)));
  CHECK(host.site.disk.list(".kirikae/manifests/" + id1) == std::vector<std::string>{"files", "stats", "sum"});
  CHECK(strays(host.site.disk, id1).empty());
  CHECK(host.verify(id1, files).status == 0);
  CHECK(host.verify(id1, with(files, "more", "")).status != 0);
  // Again, as after an answer that was lost.
  CHECK(host.receive(id1, files, sent).status == 0);
}

TEST_CASE("in a setgid folder what comes by rsync has its group") {
  if (is_skipped(::geteuid() != 0, "a second group is the superuser's to give")) return;
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  const auto& disk = host.site.disk;
  disk.make_folder("srv/app/releases");
  REQUIRE(::chown(disk.path("releases").c_str(), static_cast<uid_t>(-1), Disk::second_group) == 0);
  REQUIRE(::chmod(disk.path("releases").c_str(), 02775) == 0);
  const auto ended = host.receive(id1, {{"log/a", "2\n"}}, {}, {}, {"/bin/sh", "-c", "cat >/dev/null; mkdir log; chmod g-s log; echo 2 >log/a; chmod 644 log/a"});
  INFO(ended);
  REQUIRE(ended.status == 0);
  struct stat info = {};
  REQUIRE(::stat(disk.path("releases/" + id1 + "/log/a").c_str(), &info) == 0);
  CHECK(info.st_gid == Disk::second_group);
}

TEST_CASE("what is missing, or isn't what the list says, is named, and the release is not verified") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  Texts sent = plain_files;
  std::string changed = "changed=./a b\n";
  SECTION("missing") { sent.erase("a b"); }
  SECTION("of another size") { sent["a b"] = "longer\n"; }
  SECTION("of the same size") { sent["a b"] = "ONE\n"; }
  SECTION("several") {
    sent.erase("-dash");
    sent["a b"] = "ONE\n";
    changed = "changed=./-dash\nchanged=./a b\n";
  }
  const auto ended = host.receive(id1, plain_files, sent);
  INFO(ended);
  CHECK(ended.status == host::base_changed);
  CHECK(ended.err == changed);
  CHECK(host.verify(id1, plain_files).status != 0);
  CHECK_FALSE(host.site.disk.exists(".kirikae/manifests/" + id1));
}

TEST_CASE("of what is in the other release too, only what may have been changed there is read, but a full verification reads all") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  REQUIRE(host.receive(id1, plain_files, plain_files).status == 0);
  const bool full = GENERATE(false, true);
  const bool noticed = GENERATE(false, true);
  // Size and time tell nothing, as of a file that somebody has changed in secret; or the time is another one.
  const std::string copy = "tar -xpf - && touch -r ../" + id1 + "/'a b' 'a b'";
  const auto ended = host.receive(id2, plain_files, with(plain_files, "a b", "ONE\n"), {{}, id1, true, full},
                                  {"/bin/sh", "-c", noticed ? "tar -xpf - && touch -d '2001-01-01 00:00:00' 'a b'" : copy});
  INFO(ended);
  CHECK((ended.status == host::base_changed) == (full || noticed));
  CHECK((ended.status == 0) == (!full && !noticed));
}

TEST_CASE("a list that finds no room on the disk is told as that at once, though the other side waits") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  REQUIRE(host.site.control.run(host::prepare(host.site.layout(), Site::info(id1))).status == 0);
  const auto list = release::to_text(manifest_of_texts(plain_files));
  const auto command = host::rsync(host.site.layout(), id1, host.site.facts(), {to_hex(sha256_bytes(list))}, list.size(), {"true"});
  Control channel(shell, host.site.disk, "data");
  channel.begin(1, "dd() { command dd \"$@\" of=/dev/full; }\n" + command.text);
  channel.say(list);
  const auto ended = channel.end(1);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("has not arrived whole: make room on the disk"));
}

TEST_CASE("what rsync has linked from behind a link of the other release, as in shared folders, is copied") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  const Texts files{{"log/one\ntwo", "1\n"}, {"log/a", "2\n"}, {"pages/a", "3\n"}};
  REQUIRE(host.receive(id1, files, {{"log/", ""}, {"log/one\ntwo", "1\n"}, {"log/a", "2\n"}, {"pages/", ""}, {"pages/a", "3\n"}}).status != -1);
  const auto& disk = host.site.disk;
  fs::rename(disk.path("releases/" + id1 + "/log"), disk.path("shared/log"));
  fs::create_symlink(disk.path("shared/log"), disk.path("releases/" + id1 + "/log"));
  fs::create_symlink("nowhere", disk.path("releases/" + id1 + "/broken"));
  const auto ended = host.receive(id2, {{"log/a", "2\n"}, {"pages/a", "3\n"}}, {}, {{}, id1, true},
                                  {"/bin/sh", "-c", "cat >/dev/null; mkdir log pages; for f in log/* pages/*; do :; done; for f in ../" + id1 + "/log/* ../" + id1 +
                                                        "/pages/*; do ln \"$f\" \"${f#../*/}\"; done"});
  INFO(ended);
  REQUIRE(ended.status == 0);
  CHECK(disk.read("releases/" + id2 + "/log/one\ntwo") == "1\n");
  CHECK_FALSE(fs::equivalent(disk.path("shared/log/a"), disk.path("releases/" + id2 + "/log/a")));
  CHECK_FALSE(fs::equivalent(disk.path("shared/log/one\ntwo"), disk.path("releases/" + id2 + "/log/one\ntwo")));
  CHECK(fs::equivalent(disk.path("releases/" + id1 + "/pages/a"), disk.path("releases/" + id2 + "/pages/a")));
}

TEST_CASE("an rsync that fails, isn't there, or comes with half a list fails the step, and says why") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  ByRsync host(shell);
  auto ended = host.receive(id1, plain_files, plain_files, {}, {"/bin/sh", "-c", "exit 23"});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("rsync ended with status 23 on the host"));
  ended = host.receive(id1, plain_files, plain_files, {}, {"no-such-rsync"});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("rsync ended with status 127 on the host"));
  ended = send(host.site.shell, host.site.disk, host::rsync(host.site.layout(), id1, host.site.facts(), {std::string(64, '0')}, 1000, {"true"}), "half");
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("has not arrived whole"));
  CHECK(ended.out.empty());
  CHECK(host.verify(id1, plain_files).status != 0);
}

}  // namespace kirikae::test
