// The switch of `current`, and what may stand in its way.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "host/releases.h"
#include "support/catch.h"

namespace kirikae::test {

namespace {

struct Switching {
  explicit Switching(const Shell& shell) : site(shell) {
    site.make(id1, {{"v", "1"}});
    site.make(id2, {{"v", "2"}});
    facts = site.facts();
  }

  Site site;
  release::Facts facts;

  Ended publish(const std::string& id, const std::optional<std::string>& expected = std::nullopt) {
    return site.control.run(host::publish(site.layout(), id, facts, expected));
  }
};

}  // namespace

TEST_CASE("Publish switches forth and back, and once more is as good as once") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  const auto& disk = one.site.disk;
  for (const auto& [id, expected] :
       std::vector<std::pair<std::string, std::string>>{{id1, ""}, {id2, id1}, {id1, id2}, {id1, id1}}) {
    const auto ended = one.publish(id, expected);
    INFO(ended);
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
    CHECK(disk.link("current") == "releases/" + id);
  }
  // Its answer was lost, it is said again: what was expected is no longer so, and that is right.
  CHECK(one.publish(id2, id1).status == 0);
  CHECK(one.publish(id2, id1).status == 0);
  CHECK(disk.list("") == std::vector<std::string>{".kirikae", "current", "releases", "shared"});
}

TEST_CASE("Every way of renaming that a host may have replaces the link itself") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string way = GENERATE("T", "perl", "python3");
  if (way != "T" && (shell.name == "busybox" || access(("/usr/bin/" + way).c_str(), X_OK) != 0)) return;
  INFO(shell << ", " << way);
  Switching one(shell);
  CHECK(one.facts.mv == "T");
  one.facts.mv = way;
  CHECK(one.publish(id1).status == 0);
  CHECK(one.publish(id2).status == 0);
  CHECK(one.site.disk.link("current") == "releases/" + id2);
  CHECK(one.site.disk.list("releases/" + id1) == std::vector<std::string>{"REVISION", "v"});
}

TEST_CASE("current resolves to a release at every instant of a switch") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  REQUIRE(one.publish(id1).status == 0);
  std::atomic<bool> stop = false;
  std::atomic<int> missed = 0;
  std::jthread reader([&, path = one.site.disk.path("current/v")] {
    while (!stop) {
      if (access(path.c_str(), F_OK) != 0) ++missed;
    }
  });
  for (int i = 0; i < 10; ++i) CHECK(one.publish(i % 2 == 0 ? id2 : id1).status == 0);
  stop = true;
  reader.join();
  CHECK(missed == 0);
}

TEST_CASE("What a rollback leaves is noted before its switch, until somebody says that it is over") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  REQUIRE(one.publish(id2).status == 0);
  const auto back = [&] { return one.site.control.run(host::publish(one.site.layout(), id1, one.facts, id2, id2)); };
  REQUIRE(back().status == 0);
  CHECK(one.site.facts().unsettled == id2);
  SECTION("it went well") {
    REQUIRE(one.site.control.run(host::end_rollback(one.site.layout())).status == 0);
    CHECK(one.site.control.run(host::end_rollback(one.site.layout())).status == 0);
  }
  SECTION("the way back") { REQUIRE(one.publish(id2, id1).status == 0); }
  SECTION("somebody else's switch") {
    REQUIRE(one.site.disk.link("current") == "releases/" + id1);
    one.site.make(id3, {{"v", "3"}});
    REQUIRE(one.publish(id3, id1).status == 0);
  }
  CHECK(one.site.facts().unsettled.empty());
  CHECK_FALSE(one.site.disk.exists(".kirikae/rollback"));
}

TEST_CASE("What a rollback that has died had left is known as that at every moment of the next switch, wherever that is killed", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  for (const auto& id : {id1, id2, id3}) site.disk.write("srv/app/releases/" + id + "/v", "1\n");
  site.disk.make_folder("srv/app/.kirikae/tmp", 0700);
  // Where the step's shell comes to these words, it is killed.
  for (const std::string at : {"mv*kirikae/tmp/state.*", "mv*kirikae/tmp/rollback.*", "ln*", "mv*.current-*", "rm*kirikae/rollback", "nothing"}) {
    for (const bool by_rollback : {false, true}) {
      INFO(at << ", " << by_rollback);
      for (const auto& id : {id1, id2, id3}) site.disk.write("srv/app/.kirikae/releases/" + id, "state good\nrevision r\nby b\nprevious \n");
      site.disk.write("srv/app/.kirikae/rollback", id3 + " " + id2 + "\n");
      unlink(site.disk.path("current").c_str());
      site.disk.make_link("releases/" + id2, "srv/app/current");
      const auto facts = site.facts();
      REQUIRE(facts.unsettled == id3);
      std::string killer = "read -r kk_me kk_x </proc/self/stat\n";
      for (const std::string program : {"mv", "ln", "rm"}) {
        killer += program + "() { case \"" + program + " $*\" in " + at + ") kill -KILL \"$kk_me\" ;; esac; command " + program + " \"$@\"; }\n";
      }
      const auto next = host::publish(site.layout(), id1, facts, id2, by_rollback ? id2 : "", id3);
      const auto ended = site.control.run(killer + next.text, true);
      INFO(ended);
      const bool ends = at == "nothing" || at == (by_rollback ? "rm*kirikae/rollback" : "mv*kirikae/tmp/rollback.*");
      CHECK(ended.status == (ends ? 0 : 137));
      const auto then = site.facts();
      CHECK((site.disk.state(id3) == "bad" || then.unsettled == id3));
      CHECK((then.live == id1 || then.live == id2));
      CHECK(site.control.run(next).status == 0);
      CHECK(site.disk.state(id3) == "bad");
      CHECK(site.facts().unsettled == (by_rollback ? id2 : ""));
    }
  }
}

TEST_CASE("Publish refuses a current that isn't what preflight saw, with a status of its own") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  const auto current = one.site.disk.path("current");
  auto ended = one.publish(id2, id1);
  CHECK(ended.status == 4);
  CHECK(ended.err == "'" + current + "' is none, not '" + id1 +
                         "' as before, and unchanged: somebody else has deployed, so look and run again\n");
  REQUIRE(one.publish(id1).status == 0);
  ended = one.publish(id2, "");
  CHECK(ended.status == 4);
  CHECK(ended.err == "'" + current + "' is 'releases/" + id1 +
                         "', not 'none' as before, and unchanged: somebody else has deployed, so look and run again\n");
  CHECK(one.site.disk.link("current") == "releases/" + id1);
}

TEST_CASE("Publish refuses a real directory, a file, and a release that isn't complete") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  const auto current = one.site.disk.path("current");
  auto ended = one.publish(id3);
  CHECK(ended.status == 1);
  CHECK(ended.err == "release '" + id3 + "' is not in '" + one.site.layout().releases() + "'\n");
  REQUIRE(one.site.control.run(host::prepare(one.site.layout(), Site::info(id3))).status == 0);
  ended = one.publish(id3);
  CHECK(ended.status == 1);
  CHECK(ended.err ==
        "release '" + id3 + "' is preparing, so it is not complete; 'current' is unchanged: deploy a new release\n");
  one.site.disk.write("srv/app/current", "a file\n");
  CHECK(one.publish(id1).err == "'" + current + "' is a real file, not a link, and unchanged: move it away\n");
  CHECK(one.site.disk.read("current") == "a file\n");
  unlink(current.c_str());
  one.site.disk.make_folder("srv/app/current");
  CHECK(one.publish(id1).err == "'" + current + "' is a real directory, not a link, and unchanged: move it away\n");
  CHECK(one.site.disk.list("current").empty());
}

TEST_CASE("A switch that fails says that current is unchanged, and leaves no link behind") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  REQUIRE(one.publish(id1).status == 0);
  auto broken = one.facts;
  broken.mv = "none";
  auto ended = one.site.control.run(host::publish(one.site.layout(), id2, broken, id1));
  CHECK(ended.status == 1);
  CHECK(ended.err == "can't replace '" + one.site.disk.path("current") + "'; it is unchanged: check the owner of '" +
                         one.site.layout().root() + "'\n");
  CHECK(one.site.disk.list("") == std::vector<std::string>{".kirikae", "current", "releases", "shared"});
  one.site.disk.make_folder("srv/app", 0555);
  ended = one.publish(id2, id1);
  CHECK(ended.status == 1);
  CHECK(ended.err.find("can't make a link in '" + one.site.layout().root() +
                       "'; 'current' is unchanged: check its owner and the room on the disk\n") != std::string::npos);
  CHECK(one.site.disk.link("current") == "releases/" + id1);
}

TEST_CASE("A switch that can't be read back is not told as one that has changed nothing") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  REQUIRE(one.publish(id1).status == 0);
  const auto publish = host::publish(one.site.layout(), id2, one.facts, id1);
  // Somebody else's link is there by then, and it can't be read.
  const auto current = one.site.disk.path("current");
  const std::string meanwhile = "mv() { command mv \"$@\" && rm '" + current + "' && ln -s elsewhere '" + current + "'; }\n";
  const std::string broken = "readlink() { return 1; }\n";
  auto ended = one.site.control.run(meanwhile + broken + publish.text, true);
  INFO(ended);
  CHECK(ended.status == 5);
  CHECK(ended.err == "can't read the link '" + current + "'\nso it is not known whether '" + current + "' has changed: look at it\n");
  CHECK(one.site.disk.link("current") == "elsewhere");
  // It can be read.
  unlink(current.c_str());
  ended = one.site.control.run(meanwhile + host::publish(one.site.layout(), id2, one.facts, std::nullopt).text, true);
  INFO(ended);
  CHECK(ended.status == 5);
  CHECK(ended.err == "'" + current + "' has changed and is now 'elsewhere', not 'releases/" + id2 + "': look who else writes to '" +
                         one.site.layout().root() + "'\n");
}

TEST_CASE("What is live is found, and switched, without a program that reads links") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  REQUIRE(one.publish(id1).status == 0);
  const std::string broken = "readlink() { case $1 in /proc/*) command readlink \"$1\" ;; *) return 1 ;; esac; }\n";
  auto ended = one.site.control.run(broken + host::publish(one.site.layout(), id2, one.facts, id1).text, true);
  INFO(ended);
  CHECK(ended.status == 0);
  ended = one.site.control.run(broken + host::facts(one.site.layout(), {}).text, true);
  CHECK(ended.out.find("\nlive=" + id2 + "\n") != std::string::npos);
  // Another name of it is none of its own.
  one.site.disk.make_link(id2, "srv/app/releases/" + id3);
  CHECK(one.publish(id1, id2).status == 0);
  CHECK(one.site.facts().live == id1);
}

TEST_CASE("Links that a dead run has left are swept, those of a living one are not") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  const auto living = ".current-" + id2 + "-" + std::to_string(getpid()) + "-abc";
  one.site.disk.make_link("releases/" + id2, "srv/app/.current-" + id2 + "-999999999-abc");
  const pid_t dead = fork();  // and nobody takes note of it
  if (dead == 0) _exit(0);
  siginfo_t ended = {};
  REQUIRE(waitid(P_PID, static_cast<id_t>(dead), &ended, WEXITED | WNOWAIT) == 0);
  one.site.disk.make_link("releases/" + id2, "srv/app/.current-" + id2 + "-" + std::to_string(dead) + "-abc");
  one.site.disk.make_link("releases/" + id2, "srv/app/" + living);
  one.site.disk.write("srv/app/.current-mine", "not a link of ours\n");
  REQUIRE(one.publish(id1).status == 0);
  waitpid(dead, nullptr, 0);
  CHECK(one.site.disk.list("") == std::vector<std::string>{".current-" + id2 + "-" + std::to_string(getpid()) + "-abc",
                                                           ".current-mine", ".kirikae", "current", "releases",
                                                           "shared"});
}

TEST_CASE("An undo of the first release takes current away, and only what it knows") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Switching one(shell);
  const auto unpublish = [&](const std::optional<std::string>& expected, const std::string& target = {}) {
    return one.site.control.run(host::unpublish(one.site.layout(), one.facts, expected, target));
  };
  CHECK(unpublish(id1).status == 0);  // nothing there: done
  REQUIRE(one.publish(id1).status == 0);
  CHECK(unpublish(id2).status == 4);
  CHECK(one.site.disk.link("current") == "releases/" + id1);
  CHECK(unpublish(id1).status == 0);
  CHECK_FALSE(one.site.disk.exists("current"));
  CHECK(one.site.disk.list("releases") == std::vector<std::string>{id1, id2});
  // Where another tool's release served before.
  REQUIRE(one.publish(id1).status == 0);
  CHECK(unpublish(id2, "releases/7").status == 4);
  CHECK(unpublish(id1, "releases/7").status == 0);
  CHECK(one.site.disk.link("current") == "releases/7");
  CHECK(unpublish(id1, "releases/7").status == 0);  // again: it is so already
  CHECK(one.site.disk.list("") == std::vector<std::string>{".kirikae", "current", "releases", "shared"});
  REQUIRE(unpublish(std::nullopt).status == 0);
  one.site.disk.make_folder("srv/app/current");
  CHECK(unpublish(std::nullopt).status == 1);
}

}  // namespace kirikae::test
