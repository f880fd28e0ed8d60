// A site on a host's disk, taken through the functions of the host script.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/control.h"
#include "release/release.h"

namespace kirikae::test {

inline const std::string id1 = "20261122010000", id2 = "20261122020000", id3 = "20261122030000";

// A tar stream of files: name -> content. A name that ends in / is a folder; `mode` of a name: "bin/tool" -> 0755.
std::string tar(const std::map<std::string, std::string>& files, const std::map<std::string, mode_t>& modes = {},
                const std::map<std::string, std::string>& links = {});
std::string encoded(const std::string& bytes, const std::string& encoding);  // by this machine's zstd or gzip

// What lies in `.kirikae/tmp` but the notes of one release's payload, which stay until it is sealed.
std::vector<std::string> strays(const Disk& disk, const std::string& id);

struct Site {
  explicit Site(const Shell& a_shell, const std::string& deploy_to = "srv/app")
      : shell(a_shell), disk(deploy_to), control(shell, disk) {}

  Shell shell;
  Disk disk;
  Control control;

  [[nodiscard]] const release::Layout& layout() const { return disk.layout(); }
  // What the host answers; fails the test where that can't be read.
  release::Facts facts(const host::Wanted& wanted = {});
  static host::ReleaseInfo info(const std::string& id, const std::string& previous = {}) {
    return {id, "revision-of-" + id, "ann@laptop", previous};
  }
  // A release with these files, up to the given step; fails the test where one doesn't end with 0.
  void receive(const std::string& id, const std::map<std::string, std::string>& files,
               const std::map<std::string, mode_t>& modes = {}, const std::map<std::string, std::string>& links = {});
  void make(const std::string& id, const std::map<std::string, std::string>& files = {{"index.html", "hello\n"}});
  void publish(const std::string& id, release::State then = release::State::good);
};

}  // namespace kirikae::test
