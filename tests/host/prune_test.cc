// The end of releases: what a prune removes, and what it leaves as it was.
#include <unistd.h>

#include "host/releases.h"
#include "support/catch.h"

namespace kirikae::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("Prune removes what it is told, but never the live release, and goes on after a failure") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.receive(id1, {{"shut/in/file", "x"}});
  site.disk.make_folder("srv/app/releases/" + id1 + "/shut/in", 0555);
  CHECK(site.control.run(host::mark(site.layout(), id1, release::State::failed, site.facts())).status == 0);
  site.make(id2);
  site.make(id3);
  site.publish(id2);
  const auto ended = site.control.run(host::prune(site.layout(), {id2, id1, "20200101000000", "../../tmp"}));
  CHECK(ended.status == 1);
  CHECK(ended.out == "removed=" + id1 + "\nremoved=20200101000000\n");
  CHECK(ended.err == "'" + id2 + "' is live: not removed\n'../../tmp' is no release: not removed\n");
  CHECK(site.disk.list("releases") == std::vector<std::string>{id2, id3});
  CHECK(site.disk.list(".kirikae/releases") == std::vector<std::string>{id2, id3});
  CHECK(site.disk.list(".kirikae/tmp").empty());
  CHECK(site.control.run(host::prune(site.layout(), {id1, id3})).out == "removed=" + id1 + "\nremoved=" + id3 + "\n");
  CHECK(site.disk.list("releases") == std::vector<std::string>{id2});
}

TEST_CASE("Prune needs no room on the disk, and what it can't rename away is what it was") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  for (const auto& id : {id1, id2, id3}) site.make(id);
  site.publish(id1);
  site.publish(id3);
  site.disk.write("srv/app/.kirikae/manifests/" + id1 + "/sum", "x\n");
  auto prune = host::prune(site.layout(), {id1, id2});
  if (shell.name != "ksh") prune.text.insert(0, "ulimit -f 0\n");  // that one needs files of its own for what commands print
  site.disk.make_folder("srv/app/releases", 0555);
  auto ended = site.control.run(prune);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("can't remove release '" + id1 + "': remove '" + site.disk.path("releases/" + id1) + "' as its owner\n"));
  CHECK(site.disk.state(id1) == "good");
  CHECK(site.disk.state(id2) == "ready");
  CHECK(site.disk.read(".kirikae/manifests/" + id1 + "/sum") == "x\n");
  site.disk.make_folder("srv/app/releases", 0755);
  ended = site.control.run(prune);
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "removed=" + id1 + "\nremoved=" + id2 + "\n");
  CHECK(site.disk.list("releases") == std::vector<std::string>{id3});
  CHECK(site.disk.list(".kirikae/releases") == std::vector<std::string>{id3});
  CHECK(site.disk.list(".kirikae/manifests").empty());
  CHECK(site.disk.list(".kirikae/tmp").empty());
}

TEST_CASE("A release that is partly another user's is named, and the others are removed") {
  if (geteuid() != 0) {
    WARN("only a superuser can make another user's files");
    return;
  }
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  site.make(id2);
  site.make(id3);
  site.publish(id3);
  const auto theirs = site.disk.path("releases/" + id1 + "/theirs");
  fs::create_directories(theirs + "/sub");  // by root
  auto ended = site.control.run(host::prune(site.layout(), {id1, id2}));
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.out == "removed=" + id2 + "\n");
  CHECK_THAT(ended.err, ContainsSubstring("can't remove all of '" + site.disk.path("releases/.pruned-" + id1) +
                                "': remove it as its owner\n"));
  CHECK(site.disk.list("releases") == std::vector<std::string>{".pruned-" + id1, id3});
  REQUIRE(site.facts().releases.size() == 1);
  // The rest goes with a later prune, once it can.
  fs::remove_all(site.disk.path("releases/.pruned-" + id1 + "/theirs"));
  ended = site.control.run(host::prune(site.layout(), {}));
  CHECK(ended.status == 0);
  CHECK(site.disk.list("releases") == std::vector<std::string>{id3});
}

}  // namespace kirikae::test
