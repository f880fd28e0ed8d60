// A release's way on a host: prepare, receive, verify, seal, mark, log; and facts, which tell of it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/digest.h"
#include "host/releases.h"

#include "support/catch.h"

namespace kirikae::test {

namespace {

std::string sha256_of(const std::string& bytes) { return to_hex(sha256_bytes(bytes)); }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("A first and a second release go all the way, and the tree is as documented") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto& disk = site.disk;
  CHECK(site.facts().releases.empty());
  CHECK_FALSE(disk.exists(""));  // looking changes nothing

  site.receive(id1, {{"index.html", "one\n"}, {"log/.keep", ""}});
  CHECK(disk.state(id1) == "preparing");
  CHECK(disk.mode(".kirikae/tmp") == 0700);
  CHECK(disk.mode(".kirikae/releases/" + id1) == 0644);
  CHECK(site.control.run(host::link(site.layout(), Site::info(id1), {"log", "tmp/cache"}, {}, {})).status == 0);
  CHECK(site.control.run(host::seal(site.layout(), Site::info(id1), site.facts())).status == 0);
  CHECK(disk.state(id1) == "ready");
  CHECK(disk.link("current").empty());
  site.publish(id1);
  CHECK(disk.link("current") == "releases/" + id1);
  CHECK(disk.read("current/index.html") == "one\n");
  CHECK(disk.read("current/REVISION") == "revision-of-" + id1 + "\n");
  CHECK(disk.read(".kirikae/releases/" + id1) ==
        "state good\nrevision revision-of-" + id1 + "\nby ann@laptop\nprevious \n");

  site.make(id2, {{"index.html", "two\n"}});
  site.publish(id2);
  CHECK(disk.read("current/index.html") == "two\n");
  CHECK(disk.list("") == std::vector<std::string>{".kirikae", "current", "releases", "shared"});
  CHECK(disk.list("releases") == std::vector<std::string>{id1, id2});
  CHECK(disk.list(".kirikae/tmp").empty());

  const auto facts = site.facts();
  CHECK(facts.live == id2);
  REQUIRE(facts.releases.size() == 2);
  CHECK(facts.releases[0].id == id1);
  CHECK(facts.releases[1].state == release::State::good);
  CHECK(facts.releases[1].revision == "revision-of-" + id2);
  CHECK(facts.releases[1].deployed_by == "ann@laptop");
  CHECK(release::previous_release({facts}).value_or("none") == id1);
  CHECK(fs::is_empty(disk.temporary()));
}

TEST_CASE("Names of every kind are only names, wherever they stand") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string name =
      GENERATE("-it's \"quoted\" $(touch pwned) `touch pwned` \\n * %s", "new\nline ünï ✓ a;b&c|d>e#f=~g[x]{y}?!");
  INFO(shell << ": " << name);
  Site site(shell, "srv/" + name);
  site.disk.write("srv/" + name + "/shared/etc/" + name, "shared\n");
  CHECK(site.facts({.files = {"etc/" + name, "missing " + name}}).missing_files == std::vector<std::string>{"missing " + name});
  site.receive(id1, {{"index.html", "one\n"}, {name + "/x", "seed\n"}});
  auto info = Site::info(id1);
  info.revision = info.by = name;
  auto ended = site.control.run({host::link(site.layout(), info, {name, "deep/" + name}, {"etc/" + name}, {}),
                                 host::seal(site.layout(), info, site.facts())});
  INFO(ended);
  REQUIRE(ended.status == 0);
  site.publish(id1);
  const auto first_line = name.substr(0, name.find('\n'));
  CHECK(site.disk.read("current/etc/" + name) == "shared\n");
  CHECK(site.disk.read("shared/" + name + "/x") == "seed\n");
  CHECK(site.disk.read("current/" + name + "/x") == "seed\n");
  CHECK(site.disk.read("current/REVISION") == first_line + "\n");
  site.make(id2);
  ended = site.control.run(host::link(site.layout(), Site::info(id2), {}, {}, {name}));
  CHECK(ended.status != 0);  // sealed
  site.publish(id2);
  CHECK(site.facts().releases.at(0).revision == first_line);
  ended = site.control.run(host::task("task", "printf '%s' \"$VALUE\"", site.layout().current(), {{"VALUE", name}}));
  INFO(ended);
  CHECK(ended.out == name);
  ended = site.control.run({host::log(site.layout(), "{\"x\":\"" + first_line + "\"}", first_line),
                            host::prune(site.layout(), {id1})});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "removed=" + id1 + "\n");
  CHECK(site.disk.read("revisions.log") == first_line + "\n");
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(site.disk / ""))) {
    CHECK(entry.path().filename() != "pwned");
  }
}

TEST_CASE("prepare refuses what it must not write to, and says what a person does next") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  {
    Site site(shell);
    site.disk.make_folder("srv/app/current");
    const auto ended = site.control.run(host::prepare(site.layout(), Site::info(id1)));
    CHECK(ended.status == 1);
    CHECK(ended.err == "'" + site.disk.path("current") + "' is a real directory, not a link: move it away\n");
    CHECK(site.disk.list("") == std::vector<std::string>{"current"});
  }
  {
    Site site(shell);
    site.disk.make_folder("srv", 0555);
    const auto ended = site.control.run(host::prepare(site.layout(), Site::info(id1)));
    CHECK(ended.status == 1);
    CHECK(contains(ended.err, "\ncan't make '" + site.layout().root() + "': run sudo install -d -o "));
    CHECK(contains(ended.err, " '" + site.layout().root() + "'\n"));
    CHECK(contains(ended.err, "ermission denied"));  // the tool's own words
  }
  {
    Site site(shell);
    site.make(id1);
    auto ended = site.control.run(host::prepare(site.layout(), Site::info(id1)));
    CHECK(ended.status == 1);
    CHECK(ended.err ==
          "release '" + id1 + "' is already in '" + site.layout().releases() + "': deploy again under a new one\n");
    CHECK(site.disk.state(id1) == "ready");
    ended = site.control.run(host::prepare(site.layout(), Site::info(id2)));
    CHECK(ended.status == 0);
    CHECK(site.disk.state(id2) == "preparing");
  }
}

TEST_CASE("The payload keeps its modes but for setuid, setgid and sticky, and belongs to who deploys") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  std::map<std::string, std::string> files = {{"bin/tool", "#!/bin/sh\n"},
                                              {"plain", "x"},
                                              {"private", "x"},
                                              {"suid", "x"},
                                              {"sgid/", ""},
                                              {"sticky/", ""},
                                              {"shut/", ""}};
  // busybox' tar makes a folder with its mode at once, so nothing can come into this one.
  if (shell.name != "busybox") files["shut/file"] = "x";
  site.receive(id1, files,
               {{"bin/tool", 0755},
                {"plain", 0664},
                {"private", 0600},
                {"suid", 06755},
                {"sgid", 02775},
                {"sticky", 01777},
                {"shut", 0555}},
               {{"link", "plain"}, {"dangling", "../nowhere"}});
  const auto release = "releases/" + id1 + "/";
  CHECK(site.disk.mode(release + "bin/tool") == 0755);
  CHECK(site.disk.mode(release + "plain") == 0664);
  CHECK(site.disk.mode(release + "private") == 0600);
  CHECK(site.disk.mode(release + "suid") == 0755);
  CHECK(site.disk.mode(release + "sgid") == 0775);
  CHECK(site.disk.mode(release + "sticky") == 0777);
  CHECK(site.disk.mode(release + "shut") == 0555);
  CHECK(site.disk.link(release + "link") == "plain");
  CHECK(site.disk.link(release + "dangling") == "../nowhere");
  struct stat file{}, own{};
  REQUIRE(stat(site.disk.path(release + "plain").c_str(), &file) == 0);
  REQUIRE(stat(site.disk.temporary().c_str(), &own) == 0);
  CHECK(file.st_uid == own.st_uid);
}

TEST_CASE("Every encoding that the host can unpack arrives, and its sum is the stream's") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string encoding = GENERATE("none", "gzip", "zstd");
  INFO(shell << ", " << encoding);
  Site site(shell);
  const auto facts = site.facts();
  REQUIRE(facts.gzip);
  if (encoding == "zstd" && !facts.zstd) {
    CHECK(shell.name == "busybox");  // it has none
    return;
  }
  std::string big;
  for (int i = 0; i < 300000; ++i) big += std::to_string(i * 7919LL % 1000003);
  const auto stream = encoded(tar({{"big", big}, {"empty", ""}}), encoding);
  for (const auto* tool : {"openssl", "sha256sum"}) {
    auto with = facts;
    if (facts.hash == "openssl") with.hash = tool;
    const auto id = std::string(tool) == "openssl" ? id1 : id2;
    REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id))).status == 0);
    const auto ended = send(shell, site.disk, host::receive(site.layout(), id, encoding, with), stream);
    INFO(ended);
    CHECK(ended.status == 0);
    CHECK(ended.out == "sha256=" + sha256_of(stream) + "\n");
    CHECK(ended.err.empty());
    CHECK(site.disk.read("releases/" + id + "/big") == big);
    CHECK(site.control.run(host::verify(site.layout(), id, sha256_of(stream))).status == 0);
  }
}

TEST_CASE("A payload that is cut off, changed or followed by rubbish is refused, and nothing is left in the way") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto facts = site.facts();
  const auto stream = encoded(tar({{"a", std::string(200000, 'a')}, {"b", "b\n"}}), "gzip");
  REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id1))).status == 0);
  for (const auto& bad :
       {stream.substr(0, stream.size() / 2), std::string(), std::string("this is no gzip stream at all\n")}) {
    const auto ended = send(shell, site.disk, host::receive(site.layout(), id1, "gzip", facts), bad);
    INFO(ended);
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK(contains(ended.err, "the payload of release '" + id1 + "' could not be unpacked ("));
    CHECK(contains(ended.err, "failed): see above, then deploy again\n"));
    CHECK(ended.err.find("the payload") > 0);  // the tool's own words stand before
    const auto verified = site.control.run(host::verify(site.layout(), id1, sha256_of(bad)));
    CHECK(verified.status == 1);
    CHECK(verified.err == "the payload of release '" + id1 + "' has not arrived whole: deploy again\n");
  }
  // A tar stream that ends early, whose encoding is sound.
  const auto plain = tar({{"a", std::string(200000, 'a')}});
  const auto torn = send(shell, site.disk, host::receive(site.layout(), id1, "none", facts), plain.substr(0, 100000));
  CHECK(torn.status == 1);
  // The same release again: it starts anew.
  const auto again = send(shell, site.disk, host::receive(site.layout(), id1, "gzip", facts), stream);
  INFO(again);
  CHECK(again.status == 0);
  CHECK(site.disk.list("releases/" + id1) == std::vector<std::string>{"a", "b"});
  const auto other = sha256_of("other");
  const auto verified = site.control.run(host::verify(site.layout(), id1, other));
  CHECK(verified.status == 1);
  CHECK(verified.err == "the payload of release '" + id1 + "' arrived changed (sha256 " + sha256_of(stream) +
                            ", sent " + other + "): deploy again\n");
  CHECK(strays(site.disk, id1).empty());
  CHECK(fs::is_empty(site.disk.temporary()));
}

TEST_CASE("receive says what fails when there is no room, and the client isn't kept waiting") {
  if (geteuid() != 0) {
    WARN("only a superuser can make a small file system");
    return;
  }
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.disk.make_folder("srv/app");
  // As the system says it when a file grows beyond what the user may write.
  const auto stream = tar({{"big", std::string(3000000, 'x')}});
  REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id1))).status == 0);
  auto command = host::receive(site.layout(), id1, "none", site.facts());
  command.text = "ulimit -f 100\n" + command.text;
  const auto ended = send(shell, site.disk, command, stream);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(contains(ended.err, "the payload of release '" + id1 + "' could not be unpacked (tar failed)"));
  CHECK(site.disk.state(id1) == "preparing");
}

TEST_CASE("A complete release is never written to again") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  const auto facts = site.facts();
  const auto refused = [&](const Ended& ended) {
    INFO(ended);
    return ended.status == 1 &&
           ended.err == "release '" + id1 + "' is ready, so it isn't changed any more: deploy a new release\n";
  };
  CHECK(refused(site.control.run(host::link(site.layout(), Site::info(id1), {}, {}, {}))));
  CHECK(refused(site.control.run(host::verify(site.layout(), id1, sha256_of("")))));
  CHECK(refused(send(shell, site.disk, host::receive(site.layout(), id1, "none", facts), tar({{"evil", "x"}}))));
  CHECK(site.disk.list("releases/" + id1) == std::vector<std::string>{"REVISION", "index.html"});
  // Sealing twice is as good as once, since its answer may have been lost.
  CHECK(site.control.run(host::seal(site.layout(), Site::info(id1), facts)).status == 0);
}

TEST_CASE("A record keeps what it says when its state changes, and an empty one is unfinished") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  const auto facts = site.facts();
  for (const auto state : {release::State::good, release::State::bad, release::State::good, release::State::failed}) {
    CHECK(site.control.run(host::mark(site.layout(), id1, state, facts)).status == 0);
    CHECK(site.disk.read(".kirikae/releases/" + id1) == "state " + std::string(release::name_of(state)) +
                                                            "\nrevision revision-of-" + id1 +
                                                            "\nby ann@laptop\nprevious \n");
  }
  CHECK(site.disk.list(".kirikae/tmp").empty());
  site.disk.write("srv/app/.kirikae/releases/" + id1, "");
  CHECK(site.facts().releases.at(0).state == release::State::preparing);
  site.disk.write("srv/app/.kirikae/releases/" + id1, "state glorious\n");
  CHECK_FALSE(site.facts().releases.at(0).state);

  // A failure before there was anything: nothing to say; but good is never what isn't there.
  CHECK(site.control.run(host::mark(site.layout(), id2, release::State::failed, facts)).status == 0);
  CHECK_FALSE(site.disk.exists(".kirikae/releases/" + id2));
  const auto ended = site.control.run(host::mark(site.layout(), id2, release::State::good, facts));
  CHECK(ended.status == 1);
  CHECK(ended.err == "release '" + id2 + "' is not in '" + site.layout().releases() + "'\n");

  site.disk.make_folder("srv/app/.kirikae/tmp", 0500);
  const auto full = site.control.run(host::mark(site.layout(), id1, release::State::good, facts));
  CHECK(full.status == 1);
  CHECK(contains(full.err, "can't record release '" + id1 + "' as good in '" + site.layout().states() +
                               "': check its owner and the room on the disk\n"));
  CHECK(site.disk.state(id1) == "glorious");
}

TEST_CASE("What the host sets for tar and gzip is not for the payload") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id1))).status == 0);
  auto command = host::receive(site.layout(), id1, "gzip", site.facts());
  command.text.insert(0, "export TAR_OPTIONS=--exclude-vcs GZIP=--keep\n");
  const auto ended = send(shell, site.disk, command, encoded(tar({{".gitignore", "x\n"}, {"a", "1\n"}}), "gzip"));
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(site.disk.read("releases/" + id1 + "/.gitignore") == "x\n");
}

TEST_CASE("Logs grow by a line each") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  CHECK(site.control.run(host::log(site.layout(), "{\"n\":1}", "one")).status == 0);
  CHECK(site.control.run(host::log(site.layout(), "{\"n\":\"\\\\n %s\"}", "")).status == 0);
  CHECK(site.disk.read(".kirikae/log.jsonl") == "{\"n\":1}\n{\"n\":\"\\\\n %s\"}\n");
  CHECK(site.disk.read("revisions.log") == "one\n");
  site.disk.write("srv/app/.kirikae/log.jsonl", "", 0400);
  const auto ended = site.control.run(host::log(site.layout(), "{}", "two"));
  CHECK(ended.status != 0);
  CHECK(site.disk.read("revisions.log") == "one\n");
}

TEST_CASE("A release is sealed once it is on disk, and its record with it; an old sync is not taken for a broken disk") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.receive(id1, {{"v", "1"}});
  auto knowing = site.facts();
  knowing.sync_file_system = true;
  const auto sealed = [&](const std::string& help) {
    const std::string sync = "sync() { echo \"$*\" >>'" + site.disk.temporary() + "/synced'; case $1 in -f) return 1 ;; --help) echo '" + help + "' ;; esac; }\n";
    return site.control.run(sync + host::seal(site.layout(), Site::info(id1), knowing).text, true);
  };
  auto ended = sealed("sync [-f] FILE...");
  CHECK(ended.status == 1);
  CHECK(ended.err == "can't sync release '" + id1 + "' to disk: check the disk's health, then deploy again\n");
  CHECK(site.disk.state(id1) == "preparing");
  CHECK(strays(site.disk, id1).empty());
  ended = sealed("sync [OPTION]");
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(site.disk.state(id1) == "ready");
  std::ifstream synced(site.disk.temporary() + "/synced");
  std::string line;
  REQUIRE(std::getline(synced, line));
  CHECK(line.find("-f " + site.layout().release(id1) + " " + site.layout().own() + "/tmp/state." + id1 + ".") == 0);
}

}  // namespace kirikae::test
