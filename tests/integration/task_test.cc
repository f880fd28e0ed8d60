// `deploy task` on real servers.
#include <csignal>

#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Three hosts, two of them `app`; a release is live.
struct TaskWorld : World {
  TaskWorld() : World({.hosts = 3}) {
    write_app("1");
    write_recipe(
        "vars: {word: \"it's\"}\n"
        "tasks:\n"
        "  note: {run: 'pwd -P >>\"$SHARED_PATH/seen\"; echo \"$RELEASE $REVISION $DEPLOY_ACTION $HOST $word "
        "[$PREVIOUS_RELEASE]\" "
        ">>\"$SHARED_PATH/seen\"', roles: [app], dir: pages}\n"
        "  single: {run: 'echo here', once: true, roles: [app]}\n"
        "  here: {run: 'echo \"$RELEASE $DEPLOY_ACTION\" >here.txt', local: true}\n"
        "  fail: {run: 'echo oops >&2; exit 3', roles: [db]}\n"
        "  slow: {run: 'touch \"$SHARED_PATH/slow\"; sleep 300', roles: [db]}\n"
        "hooks: {after_publish: [single]}\n",
        "[{address: 127.0.0.1, roles: [app]}, {address: 127.0.0.2, roles: [app], primary: true}, {address: 127.0.0.3, "
        "roles: [db]}]");
  }
};

}  // namespace

TEST_CASE("a task runs by itself where its roles say, in the live release, and leaves an audit line there") {
  const TaskWorld world;
  REQUIRE(world.deploy({"production", "--revision", "r1"}).status == 0);
  const std::string id = world.host(0).live();
  Ran ran = world.deploy({"task", "production", "note"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const std::size_t i : {0U, 1U}) {
    const auto& host = world.host(i);
    CHECK(host.read("shared/seen") ==
          (host / ("releases/" + id + "/pages")).string() + "\n" + id + " r1 task " + host.name() + " it's []\n");
    const std::string log = host.read(".kirikae/log.jsonl");
    CHECK_THAT(
        log, ContainsSubstring("\"action\":\"task\",\"application\":\"shop\",\"stage\":\"production\",\"release\":\"" +
                               id + "\"") &&
                 ContainsSubstring("\"result\":\"good\",\"detail\":\"note\"}\n"));
    CHECK(host.read("revisions.log").find("task") == std::string::npos);
  }
  CHECK_FALSE(world.host(2).exists("shared/seen"));
  CHECK(world.host(2).read(".kirikae/log.jsonl").find("\"task\"") == std::string::npos);
  ran = world.deploy({"production", "task", "single"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("[127.0.0.2] here\n") && !ContainsSubstring("[127.0.0.1]"));
  ran = world.deploy({"task", "production", "here"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.read("site/here.txt") == id + " task\n");
  ran = world.deploy({"task", "production", "fail"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err,
             ContainsSubstring("error: [127.0.0.3] task fail ended with status 3") && ContainsSubstring("oops"));
  CHECK_THAT(world.host(2).read(".kirikae/log.jsonl"), ContainsSubstring("\"result\":\"failed\",\"detail\":\"fail\"}\n"));
  CHECK(world.host(0).live() == id);
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("a task waits for nobody's lock, and a freeze stops it: exit 4") {
  const TaskWorld world;
  REQUIRE(world.deploy({"production"}).status == 0);
  Running slow = world.start({"task", "production", "slow"});
  REQUIRE(eventually([&] { return world.host(2).exists("shared/slow"); }, std::chrono::seconds(60)));
  Ran ran = world.deploy({"task", "production", "fail"});
  INFO(ran);
  CHECK(ran.status == 4);
  CHECK_THAT(ran.err, ContainsSubstring("task slow on production"));
  // Only its own hosts are locked.
  CHECK(world.deploy({"task", "production", "note"}).status == 0);
  slow.signal(SIGINT);
  const Ran stopped = slow.wait();
  INFO(stopped);
  CHECK(stopped.status == 130);
  REQUIRE(world.deploy({"lock", "production", "-m", "moving"}).status == 0);
  ran = world.deploy({"task", "production", "note"});
  INFO(ran);
  CHECK(ran.status == 4);
  CHECK_THAT(ran.err, ContainsSubstring("(moving)"));
}

TEST_CASE("a task needs a live release on all of its hosts") {
  const TaskWorld world;
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.1"}).status == 0);
  const Ran ran = world.deploy({"task", "production", "note"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(
      ran.err,
      ContainsSubstring("error: [127.0.0.2] no release is live here that the task could run in\n  deploy one first\n"));
  CHECK_FALSE(world.host(0).exists("shared/seen"));
}

TEST_CASE("tasks are listed, and a wrong name is told with the right ones before anybody is connected to") {
  const TaskWorld world;
  const std::string list =
      "task    runs on       hooks\n"
      "fail    db\n"
      "here    this machine\n"
      "note    app\n"
      "single  one of app    after_publish\n"
      "slow    db\n";
  CHECK(world.deploy({"task", "production"}).out == list);
  CHECK(world.deploy({"production", "task", "--list"}).out == list);
  for (const auto& [arguments, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"task", "production", "not"},
            "error: no task is named 'not'\n  did you mean 'note'? tasks: fail, here, note, single, slow\n"},
           {{"task", "production", "note", "--list"}, "error: '--list' takes no task\n  leave one of the two out\n"},
           {{"task", "production", "--output", "json"}, "error: '--output json' needs the name of a task: their list is text\n  leave it out, or name one\n"},
           {{"task", "production", "--hosts", "127.0.0.9"},
            "error: --hosts: no host of the stage has the name '127.0.0.9'\n  did you mean '127.0.0.1'?\n"},
           {{"task", "production", "note", "--hosts", "*.3"},
            "error: task 'note' runs on hosts with the role app, and none of the selected hosts has it\n  select a "
            "host with that "
            "role\n"}}) {
    const Ran ran = world.deploy(arguments);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK(ran.err == text);
  }
  const std::string of_one =
      "task    runs on           hooks\n"
      "fail    db\n"
      "here    this machine\n"
      "note    no selected host\n"
      "single  no selected host  after_publish\n"
      "slow    db\n";
  CHECK(world.deploy({"task", "production", "--hosts", "*.3"}).out == of_one);
  world.write_recipe("tasks: {note: {run: 'true', roles: [app]}, single: {run: 'true', roles: [app], once: true}}\n");
  CHECK(world.deploy({"task", "production"}).out == "task    runs on     hooks\nnote    every host\nsingle  one host\n");
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("a task's recipe is read once, so that it may come from a pipe") {
  const TaskWorld world;
  REQUIRE(world.deploy({"production"}).status == 0);
  Ran ran = world.type("bash -c 'deploy --recipe <(cat deploy.yml) task production note'");
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(1).exists("shared/seen"));
  ran = world.type("bash -c 'deploy --recipe <(cat deploy.yml) task production not'");
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("no task is named 'not'\n  did you mean 'note'?"));
}
