// The rest of a release, from another release that the host has: lib/host/rebuild.sh.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "core/digest.h"
#include "host/releases.h"
#include "release/manifest.h"
#include "support/catch.h"

namespace kirikae::test {
namespace {

struct File {
  std::string content;
  mode_t mode = 0644;
};
using Files = std::map<std::string, File>;

release::Manifest manifest_of(const Files& files) {
  release::Manifest manifest;
  for (const auto& [path, file] : files) {
    if (release::can_be_listed(path)) manifest[path] = {file.mode, file.content.size(), to_hex(sha256_bytes(file.content))};
  }
  return manifest;
}

// Large enough to be moved.
std::string large(char what) { return std::string(20'000, what); }

struct Way {
  bool link = false, full = false;
  std::set<std::string, std::less<>> unusable{};
};

class Rebuilding {
 public:
  explicit Rebuilding(const Shell& shell) : site(shell) {}

  // What the host answers to the upload of a release that builds on `base`; empty: on none.
  Ended receive(const std::string& id, const Files& files, const std::string& base = {}, const Way& way = {}) {
    files_[id] = files;
    if (!site.disk.exists("releases/" + id)) REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id))).status == 0);
    const auto next = manifest_of(files);
    const auto before = base.empty() ? release::Manifest() : manifest_of(files_.at(base));
    const auto delta = release::delta_between(before, next, way.unusable);
    std::map<std::string, std::string> sent{{".part/removed", delta.removed}, {".part/added", delta.added}, {".part/moved", moves_text(delta)}};
    std::map<std::string, mode_t> modes;
    for (const auto& [path, file] : files) {
      const auto slash = path.find('/');
      if (slash != std::string::npos) sent[path.substr(0, slash + 1)] = {};
      if (delta.reused.contains(path)) continue;
      sent[path] = file.content;
      modes[path] = file.mode;
    }
    sent_ = sent.size() - 3;
    host::Rebuild rebuild{".part", release::digest_of(next), base, base.empty() ? "" : release::digest_of(before), way.link, way.full};
    return send(site.shell, site.disk, host::receive(site.layout(), id, "none", site.facts(), rebuild), tar(sent, modes));
  }
  [[nodiscard]] std::size_t sent() const { return sent_; }  // files and folders

  // That the release has these files and no others, and that what the host keeps of it tells the same.
  void check(const std::string& id) {
    const Files& files = files_.at(id);
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(site.disk.path("releases/" + id))) {
      if (entry.is_directory()) continue;
      ++found;
      CHECK(files.contains(fs::relative(entry.path(), site.disk.path("releases/" + id))));
    }
    CHECK(found == files.size());
    for (const auto& [path, file] : files) {
      INFO(path);
      CHECK(site.disk.read("releases/" + id + "/" + path) == file.content);
      CHECK((site.disk.mode("releases/" + id + "/" + path) & 0777U) == file.mode);
    }
    const auto kept = ".kirikae/manifests/" + id;
    CHECK(site.disk.list(kept) == std::vector<std::string>{"files", "stats", "sum"});
    CHECK(site.disk.read(kept + "/files") == release::to_text(manifest_of(files)));
    CHECK(site.disk.read(kept + "/sum") == release::digest_of(manifest_of(files)) + "\n");
    CHECK(site.facts().releases.back().manifest == release::digest_of(manifest_of(files)));
    for (const auto& name : site.disk.list(".kirikae/tmp")) CHECK_FALSE(name.starts_with("lists."));
  }
  [[nodiscard]] ino_t inode(const std::string& path) const {
    struct stat info = {};
    REQUIRE(::stat(site.disk.path("releases/" + path).c_str(), &info) == 0);
    return info.st_ino;
  }
  // As somebody would who hides it: neither size nor time tell.
  void change_in_secret(const std::string& path) const {
    const auto file = site.disk.path("releases/" + path);
    struct stat before = {};
    REQUIRE(::stat(file.c_str(), &before) == 0);
    std::string content = site.disk.read("releases/" + path);
    content.back() = '!';
    { std::ofstream(file, std::ios::in | std::ios::out) << content; }
    const timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  }

  Site site;

 private:
  std::map<std::string, Files> files_;
  std::size_t sent_ = 0;
};

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

TEST_CASE("a payload without what was to come with it is an error") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.site.control.run(host::prepare(host.site.layout(), Site::info(id1))).status == 0);
  const host::Rebuild rebuild{".other", std::string(64, 'a'), {}, {}, false, false};
  const auto stream = tar({{".part/removed", ""}, {".part/added", ""}, {".part/moved", ""}, {"x", "1"}});
  const auto ended = send(shell, host.site.disk, host::receive(host.site.layout(), id1, "none", host.site.facts(), rebuild), stream);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.err.ends_with("what was to come with the payload of release '" + id1 + "' is not there: deploy again\n"));
}

TEST_CASE("a release that is pruned takes its list with it") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Rebuilding host(shell);
  REQUIRE(host.receive(id1, one).status == 0);
  REQUIRE(host.site.control.run(host::prune(host.site.layout(), {id1})).status == 0);
  CHECK(host.site.disk.list(".kirikae/manifests").empty());
}

}  // namespace kirikae::test
