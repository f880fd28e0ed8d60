#include "host/releases.h"

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

std::string tar(const std::map<std::string, std::string>& files, const std::map<std::string, mode_t>& modes,
                const std::map<std::string, std::string>& links) {
  const TempDir folder;
  for (const auto& [name, content] : files) {
    if (name.back() == '/') {
      fs::create_directories(folder.path() / "tree" / name);
    } else {
      folder.write("tree/" + name, content);
    }
  }
  for (const auto& [name, target] : links) {
    const auto link = folder.path() / "tree" / name;
    fs::create_directories(link.parent_path());
    fs::create_symlink(target, link);
  }
  for (const auto& [name, mode] : modes) fs::permissions(folder.path() / "tree" / name, static_cast<fs::perms>(mode));
  fs::create_directories(folder.path() / "tree");
  const auto made =
      run_program({"tar", "-C", folder / "tree", "--owner=root:0", "--group=root:0", "-cf", folder / "tree.tar", "."});
  REQUIRE(made.status == 0);
  return folder.read("tree.tar");
}

std::string encoded(const std::string& bytes, const std::string& encoding) {
  if (encoding == "none") return bytes;
  const TempDir folder;
  const auto file = folder.write("stream", bytes);
  return run_program({encoding, "-c", file}).output;
}

release::Facts Site::facts(const host::Wanted& wanted) {
  const auto ended = control.run(host::facts(layout(), wanted));
  INFO(ended);
  REQUIRE(ended.status == 0);
  REQUIRE(ended.err.empty());
  auto facts = release::parse_facts(ended.out);
  REQUIRE(facts);
  return *facts;
}

std::vector<std::string> strays(const Disk& disk, const std::string& id) {
  auto names = disk.list(".kirikae/tmp");
  std::erase_if(names, [&](const std::string& name) {
    return name.ends_with('.' + id) && (name.starts_with("sum.") || name.starts_with("pipe.") || name.starts_with("hash."));
  });
  return names;
}

void Site::receive(const std::string& id, const std::map<std::string, std::string>& files,
                   const std::map<std::string, mode_t>& modes, const std::map<std::string, std::string>& links) {
  auto ended = control.run(host::prepare(layout(), info(id)));
  INFO(ended);
  REQUIRE(ended.status == 0);
  const auto stream = tar(files, modes, links);
  Sha256 sum;
  sum.update(stream);
  const auto digest = sum.hex();
  ended = send(shell, disk, host::receive(layout(), id, "none", facts()), stream);
  INFO(ended);
  REQUIRE(ended.status == 0);
  REQUIRE(ended.out == "sha256=" + digest + "\n");
  ended = control.run(host::verify(layout(), id, digest));
  INFO(ended);
  REQUIRE(ended.status == 0);
}

void Site::make(const std::string& id, const std::map<std::string, std::string>& files) {
  receive(id, files);
  const auto ended = control.run({host::link(layout(), info(id), {}, {}, {}), host::seal(layout(), info(id), facts())});
  INFO(ended);
  REQUIRE(ended.status == 0);
}

void Site::publish(const std::string& id, release::State then) {
  const auto seen = facts();
  const auto ended = control.run({host::publish(layout(), id, seen, seen.live), host::mark(layout(), id, then, seen)});
  INFO(ended);
  REQUIRE(ended.status == 0);
}

}  // namespace kirikae::test
