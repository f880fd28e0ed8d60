// A host that builds releases on others that it has, and is looked at.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "core/digest.h"
#include "host/releases.h"
#include "release/manifest.h"
#include "support/catch.h"

namespace kirikae::test {

struct File {
  std::string content;
  mode_t mode = 0644;
};
using Files = std::map<std::string, File>;

inline release::Manifest manifest_of(const Files& files) {
  release::Manifest manifest;
  for (const auto& [path, file] : files) {
    if (release::can_be_listed(path)) manifest[path] = {file.mode, file.content.size(), to_hex(sha256_bytes(file.content))};
  }
  return manifest;
}

// Large enough to be moved.
inline std::string large(char what) { return std::string(20'000, what); }

// Each of 20,000 bytes, which is as good as any.
inline release::Chunks chunks_of(const std::string& content) {
  release::Chunks chunks;
  for (std::size_t at = 0; at < content.size(); at += 20'000) {
    const auto bytes = content.substr(at, 20'000);
    chunks.push_back({static_cast<std::uint32_t>(bytes.size()),
                      std::stoull(to_hex(sha256_bytes(bytes)).substr(0, 16), nullptr, 16)});
  }
  return chunks;
}

inline release::ChunkLists chunks_of(const Files& one, const Files& other) {
  release::ChunkLists lists;
  for (const Files* files : {&one, &other}) {
    for (const auto& [path, file] : *files) {
      if (file.content.size() < release::least_chunked) continue;
      lists[to_hex(sha256_bytes(file.content))] = std::make_shared<const release::Chunks>(chunks_of(file.content));
    }
  }
  return lists;
}

inline std::string sent_of(const std::string& content, const release::Patch& patch) {
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

}  // namespace kirikae::test
