// The rest of a release, from another release that the host has: lib/host/rebuild.sh.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/digest.h"
#include "host/releases.h"
#include "release/manifest.h"
#include "support/catch.h"
#include "support/noise.h"

namespace kirikae::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

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

// Each of 20,000 bytes, which is as good as any.
release::Chunks chunks_of(const std::string& content) {
  release::Chunks chunks;
  for (std::size_t at = 0; at < content.size(); at += 20'000) {
    const auto bytes = content.substr(at, 20'000);
    chunks.push_back({static_cast<std::uint32_t>(bytes.size()),
                      std::stoull(to_hex(sha256_bytes(bytes)).substr(0, 16), nullptr, 16)});
  }
  return chunks;
}

release::ChunkLists chunks_of(const Files& one, const Files& other) {
  release::ChunkLists lists;
  for (const Files* files : {&one, &other}) {
    for (const auto& [path, file] : *files) {
      if (file.content.size() < release::least_chunked) continue;
      lists[to_hex(sha256_bytes(file.content))] = std::make_shared<const release::Chunks>(chunks_of(file.content));
    }
  }
  return lists;
}

std::string sent_of(const std::string& content, const release::Patch& patch) {
  std::string sent;
  std::size_t at = 0;
  for (const auto& piece : patch.pieces) {
    if (piece.from.empty()) sent += content.substr(at, piece.size);
    at += piece.size;
  }
  return sent;
}

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
    const auto chunks = chunks_of(files, base.empty() ? Files() : files_.at(base));
    const auto delta = release::delta_between({before, way.unusable, {}, &chunks}, next);
    std::map<std::string, std::string> sent;
    std::map<std::string, mode_t> modes;
    for (const auto& [path, file] : files) {
      const auto slash = path.find('/');
      if (slash != std::string::npos) sent[path.substr(0, slash + 1)] = {};
      if (delta.reused.contains(path)) continue;
      const auto patch = delta.patched.find(path);
      sent[path] = patch == delta.patched.end() ? file.content : sent_of(file.content, patch->second);
      modes[path] = file.mode;
    }
    sent_ = sent.size();
    const auto tell = [&](const std::string& name, const std::string& text) { sent[".part/" + name] = text; };
    const auto tell_if_any = [&](const std::string& name, const std::string& text) {
      if (!text.empty()) tell(name, text);
    };
    if (base.empty()) {
      tell("files", delta.added);
      tell_if_any("chunks", delta.chunks_added);
    } else {
      tell("removed", delta.removed);
      tell("added", delta.added);
      tell("moved", moves_text(delta));
      tell_if_any("chunks_added", delta.chunks_added);
      tell_if_any("chunks_gone", delta.chunks_gone);
      tell_if_any("patched", patches_text(delta, next));
    }
    host::Rebuild rebuild{
        ".part", release::digest_of(next), base, base.empty() ? "" : release::digest_of(before), way.link, way.full};
    auto command = host::receive(site.layout(), id, "none", site.facts(), rebuild);
    command.text.insert(0, before_text);
    return send(site.shell, site.disk, command, tar(sent, modes));
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
    release::ChunkLists chunks;
    if (site.disk.exists(kept + "/chunks")) {
      const auto lists = release::parse_chunks(site.disk.read(kept + "/chunks"));
      REQUIRE(lists);
      chunks = *lists;
    }
    CHECK(chunks.size() == chunks_of(files, {}).size());
    for (const auto& [sum, list] : chunks_of(files, {})) CHECK(*chunks.at(sum) == *list);
    auto names = site.disk.list(kept);
    std::erase(names, "chunks");
    CHECK(names == std::vector<std::string>{"files", "stats", "sum"});
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
  std::string before_text;  // runs before the upload's command

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
TEST_CASE("what lies behind a link of the base is never a hard link, but the same as before") {
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

TEST_CASE("what was moved has its listed mode, whatever the mode of the host's copy is by now") {
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
