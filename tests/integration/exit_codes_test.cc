// Each exit code of the built program, with the JSON that tells the same.
#include <algorithm>
#include <csignal>
#include <set>

#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// The run as its JSON has it; checked: every line is valid, all lines are of one run, times rise, and the end agrees with
// the exit code.
Events checked_events(const Ran& ran, const std::string& outcome) {
  const Events events = validated_events(ran.out);
  double at = 0;
  for (const auto& event : events) {
    CHECK(event["run"] == events.front()["run"]);
    CHECK(event["at"].get<double>() >= at);
    at = event["at"];
  }
  CHECK(events.back()["outcome"] == outcome);
  CHECK(events.back()["exit_code"] == ran.status);
  CHECK(only(events, "run_finished").size() == 1);
  return events;
}

const char* const failing_hooks = R"(tasks:
  build: '[ "$fail_at" != build ] || { echo "no compiler here"; echo "really" >&2; exit 3; }'
  restart: '[ "$fail_at" != restart ] || [ "$DEPLOY_ACTION" = undo ] || exit 4'
  meddle: 'if [ "$fail_at" = meddle ]; then ln -sfn elsewhere "$CURRENT_PATH"; exit 5; fi'
vars: {fail_at: nowhere}
hooks: {build: build, after_publish: [restart, meddle]}
)";

Ran deploy_failing_at(const World& world, const std::string& where) {
  return world.deploy({"production", "--output", "json", "--set", "fail_at=" + where});
}

// What a verb that reads answers as data.
nlohmann::ordered_json data_of(const World& world, std::vector<std::string> words, int status) {
  words.insert(words.end(), {"--output", "json"});
  const Ran ran = world.deploy(words);
  INFO(ran);
  REQUIRE(ran.status == status);
  const Events results = only(validated_events(ran.out), "result");
  REQUIRE(results.size() == 1);
  REQUIRE(results[0].contains("data"));
  return results[0]["data"];
}

}  // namespace

TEST_CASE("exit code 0: a deploy, a rollback and verbs that read") {
  World world({.hosts = 2});
  world.write_recipe("tasks: {greet: 'printf \"h\\303\\244llo \\377 ##[error]x\\n\"'}\nhooks: {build: greet}\n");
  world.write_app("1");
  const Ran first = world.deploy({"production", "--output", "json"});
  INFO(first);
  REQUIRE(first.status == 0);
  CHECK(first.err.empty());
  const Events events = checked_events(first, "done");
  CHECK(events.front()["event"] == "run_started");
  CHECK(events.front()["hosts"].size() == 2);
  CHECK(only(events, "release_chosen").at(0)["release"] == world.host(0).live());
  const Events output = only(events, "output");
  REQUIRE(output.size() == 2);
  CHECK(output[0]["line"] == "h\u00e4llo \ufffd ##[error]x");
  CHECK(first.out.find("##[") == std::string::npos);
  CHECK(events.back()["hosts"][1]["end"] == "switched");
  CHECK(events.back()["hosts"][1]["live_after"] == world.host(1).live());
  CHECK(events.back()["hosts"][1]["bytes"] > 0);

  world.write_app("2");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string second = world.host(0).live();

  const Ran plan = world.deploy({"plan", "production", "--output", "json"});
  INFO(plan);
  REQUIRE(plan.status == 0);
  const Events planned = checked_events(plan, "done");
  const auto result = only(planned, "result").at(0);
  CHECK_THAT(result["text"].get<std::string>(), ContainsSubstring("nothing was changed"));
  CHECK(result["data"]["action"] == "deploy");
  CHECK(result["data"]["hosts"][1]["live"] == second);
  CHECK(result["data"]["hosts"][1]["steps"].size() > 3);

  const Ran releases = world.deploy({"releases", "production", "--output=json"});
  REQUIRE(releases.status == 0);
  const auto data = only(checked_events(releases, "done"), "result").at(0)["data"];
  CHECK(data["hosts"][0]["host"] == "127.0.0.1");
  CHECK(data["hosts"][0]["live"] == second);
  CHECK(data["hosts"][0]["releases"][0]["id"] == second);
  CHECK(data["hosts"][0]["releases"][0]["state"] == "good");

  CHECK(data_of(world, {"releases", "production"}, 0)["hosts"].size() == 2);

  const Ran back = world.deploy({"rollback", "production", "--output", "json"});
  INFO(back);
  REQUIRE(back.status == 0);
  const Events rolled = checked_events(back, "done");
  CHECK(rolled.front()["verb"] == "rollback");
  CHECK(rolled.back()["hosts"][0]["live_before"] == second);
  CHECK(rolled.back()["hosts"][0]["live_after"] == world.host(0).live());
}

TEST_CASE("what task, prune, lock, unlock and logs do, and what they end with, is told as events") {
  World world({.hosts = 2});
  world.write_recipe("keep_releases: 3\nshared: {directories: [log]}\nlogs: [log/app.log]\ntasks:\n  greet: {run: 'echo \"hello $HOST\"'}\n"
                     "  fail: {run: 'echo no >&2; exit 3'}\nhooks: {before_prune: greet}\n");
  world.write_app("1");
  for (int i = 0; i < 3; ++i) REQUIRE(world.deploy({"production"}).status == 0);
  const std::string live = world.host(0).live();
  const std::string oldest = world.host(0).releases().front();
  const auto ends_with = [&](std::vector<std::string> words, int status, const std::string& outcome) {
    const std::string verb = words.front();
    words.insert(words.end(), {"--output", "json"});
    const Ran ran = world.deploy(words);
    INFO(ran);
    REQUIRE(ran.status == status);
    Events events = checked_events(ran, outcome);
    CHECK(only(events, "run_started").at(0)["verb"] == verb);
    CHECK(events.back()["verb"] == verb);
    CHECK(events.back()["hosts"].size() == 2);
    return events;
  };
  const auto lines_of = [](const Events& events) {
    std::set<std::string> lines;
    for (const auto& line : only(events, "output")) lines.insert(line["host"].get<std::string>() + ": " + line["line"].get<std::string>());
    return lines;
  };
  const auto text_of = [](const Events& events) { return only(events, "result").at(0)["text"].get<std::string>(); };
  const std::set<std::string> greeted = {"127.0.0.1: hello 127.0.0.1", "127.0.0.2: hello 127.0.0.2"};

  Events events = ends_with({"task", "production", "greet"}, 0, "done");
  CHECK(lines_of(events) == greeted);
  CHECK(only(events, "output")[0]["step"] == "task greet");
  CHECK(events.back()["hosts"][1]["live_after"] == live);
  events = ends_with({"task", "production", "fail"}, 1, "failed");
  CHECK(events.back()["hosts"][0]["error"]["code"] == "remote");

  events = ends_with({"prune", "production", "-n", "--keep", "1"}, 0, "done");
  CHECK_THAT(text_of(events), ContainsSubstring("would remove " + oldest));
  CHECK(lines_of(events).empty());
  events = ends_with({"prune", "production", "--keep", "1"}, 0, "done");
  CHECK_THAT(text_of(events), ContainsSubstring(": removed " + oldest));
  CHECK(lines_of(events) == greeted);
  CHECK(events.back()["hosts"][0]["end"] == "unchanged");

  events = ends_with({"lock", "production", "-m", "inventory"}, 0, "done");
  CHECK_THAT(text_of(events), ContainsSubstring(": frozen\n"));
  for (const auto& words : {std::vector<std::string>{"lock", "production", "-m", "mine"}, {"task", "production", "greet"},
                            {"prune", "production"}}) {
    events = ends_with(words, 4, "locked");
    CHECK(only(events, "output").empty());
    CHECK(events.back()["hosts"][0]["error"]["code"] == "locked");
  }
  events = ends_with({"unlock", "production"}, 0, "done");
  CHECK_THAT(text_of(events), ContainsSubstring("was frozen by ") && ContainsSubstring("(inventory)"));

  world.host(0).write("shared/log/app.log", "up\n");
  events = ends_with({"logs", "production"}, 1, "failed");
  CHECK(lines_of(events).contains("127.0.0.1: up"));
  CHECK(events.back()["hosts"][1]["error"]["code"] == "remote");
  world.host(1).write("shared/log/app.log", "up, too\n");
  events = ends_with({"logs", "production"}, 0, "done");
  CHECK(lines_of(events) == std::set<std::string>{"127.0.0.1: up", "127.0.0.2: up, too"});
}

TEST_CASE("check, status, audit and diff answer as data, too") {
  World world({.hosts = 3, .own_servers = true});
  world.write_recipe("vars: {port: 8080}\nenv: {LANG: C}\n");
  world.write_app("1");
  CHECK(data_of(world, {"status", "production"}, 0)["hosts"][0]["current"] == "none");
  CHECK(data_of(world, {"audit", "production"}, 0)["entries"].empty());
  CHECK(data_of(world, {"diff", "production"}, 0)["groups"][0]["live"] == "");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.2"}).status == 0);
  REQUIRE(world.deploy({"lock", "production", "-m", "inventory", "--hosts", "127.0.0.1"}).status == 0);
  world.sshd(2).stop();

  const auto status = data_of(world, {"status", "production"}, 5);
  CHECK(status["in_order"] == false);
  REQUIRE(status["hosts"].size() == 2);
  CHECK(status["hosts"][0]["live"] == first);
  CHECK(status["hosts"][0]["state"] == "good");
  CHECK(status["hosts"][0]["current"] == "release");
  CHECK(status["hosts"][0]["frozen"]["what"] == "inventory");
  CHECK(status["hosts"][0]["in_order"] == false);
  CHECK(status["hosts"][0]["drift"] != status["hosts"][1]["drift"]);
  CHECK(status["hosts"][1]["live"] == world.host(1).live());

  const auto audit = data_of(world, {"audit", "production"}, 5)["entries"];
  REQUIRE(audit.size() == 3);
  CHECK(audit[0]["action"] == "deploy");
  CHECK(audit[0]["release"] == first);
  CHECK(audit[0]["hosts"].size() == 2);
  // What was done in the same second stands in the order of the hosts.
  const auto lock = std::find_if(audit.begin(), audit.end(), [](const auto& entry) { return entry["action"] == "lock"; });
  REQUIRE(lock != audit.end());
  CHECK((*lock)["detail"] == "inventory");
  CHECK((*lock)["hosts"].dump() == R"(["127.0.0.1"])");

  const auto diff = data_of(world, {"diff", "production"}, 5);
  CHECK(diff["differs"] == true);
  REQUIRE(diff["groups"].size() == 2);
  CHECK(diff["groups"][0]["hosts"][0] == "127.0.0.1");
  CHECK(diff["groups"][0]["changed"] == diff["groups"][0]["changes"].size());
  CHECK_THAT(diff["groups"][0]["changes"].dump(),
             ContainsSubstring(R"({"path":"VERSION","change":"changed","kind":"file","differs":["content"]})"));
  CHECK(diff["groups"][1]["changes"].empty());

  const auto check = data_of(world, {"check", "production"}, 5);
  CHECK(check["ready"] == false);
  REQUIRE(check["hosts"].size() == 3);
  CHECK(check["hosts"][0]["ready"] == true);
  CHECK(check["hosts"][0]["live"] == first);
  CHECK(check["hosts"][0]["frozen"]["what"] == "inventory");
  CHECK(check["hosts"][0]["commands"]["environment"]["LANG"] == "C");
  CHECK(check["hosts"][0]["commands"]["vars"][0] == "port");
  CHECK(check["hosts"][2]["ready"] == false);
  CHECK(check["hosts"][2]["problems"][0]["code"] == "connect");
  CHECK_FALSE(check["hosts"][2].contains("live"));

  const auto plan = data_of(world, {"plan", "production", "--exclude", "127.0.0.3"}, 0);
  CHECK(plan["hosts"][0]["frozen"]["what"] == "inventory");
  CHECK_FALSE(plan["hosts"][1].contains("frozen"));
}

TEST_CASE("exit codes 1, 3 and 6: failed before the switch, taken back, and not taken back") {
  World world({.hosts = 2});
  world.write_recipe(failing_hooks);
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");

  const Ran failed = deploy_failing_at(world, "build");
  INFO(failed);
  REQUIRE(failed.status == 1);
  const Events events = checked_events(failed, "failed");
  CHECK(events.back()["hosts"][0]["end"] == "unchanged");
  CHECK(events.back()["hosts"][0]["error"]["code"] == "remote");
  const Events output = only(events, "output");
  REQUIRE(output.size() >= 2);
  CHECK(output[0]["step"] == "task build");
  CHECK_THAT(failed.err, ContainsSubstring("error: "));

  const Ran taken_back = deploy_failing_at(world, "restart");
  INFO(taken_back);
  REQUIRE(taken_back.status == 3);
  const Events back = checked_events(taken_back, "rolled_back");
  CHECK(back.back()["hosts"][0]["end"] == "undone");
  CHECK(back.back()["hosts"][1]["live_after"] == first);

  const Ran partial = deploy_failing_at(world, "meddle");
  INFO(partial);
  REQUIRE(partial.status == 6);
  CHECK(!checked_events(partial, "partial").back()["advice"].empty());
}

TEST_CASE("exit code 2: the command line, the recipe and a missing answer, told in one line of JSON") {
  World world;
  world.write_app("1");
  struct Wrong {
    std::vector<std::string> arguments;
    std::string code, verb, file{};
  };
  world.write("wrong.yml", "keep_relases: 3\n" + world.read("site/deploy.yml"));
  for (const Wrong& wrong : {Wrong{{"production", "--output", "json", "--frobnicate"}, "usage", ""},
                             Wrong{{"--output=json"}, "usage", ""},
                             Wrong{{"run", "production", "--group", "--output", "json", "--", "true"}, "usage", ""},
                             Wrong{{"rollback", "produktion", "--output", "json"}, "usage", "rollback"},
                             Wrong{{"production", "--output", "json", "--recipe", "wrong.yml"}, "recipe", "deploy", "wrong.yml"},
                             Wrong{{"production", "--output", "json", "--set", "keep_releases=no"}, "usage", "deploy"},
                             Wrong{{"production", "--output", "json", "--set", "confirm=true"}, "usage", "deploy"}}) {
    const Ran ran = world.deploy(wrong.arguments);
    INFO(ran);
    REQUIRE(ran.status == 2);
    const Events events = checked_events(ran, "usage");
    REQUIRE(events.size() == 1);
    CHECK(events[0]["errors"].at(0)["code"] == wrong.code);
    CHECK(events[0]["errors"].at(0).value("file", "") == wrong.file);
    CHECK(events[0]["verb"] == wrong.verb);
    CHECK_THAT(ran.err, ContainsSubstring("error: "));
  }
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("exit codes 4 and 130: a host is locked by another run, which is then interrupted") {
  World world;
  world.write_recipe(
      "tasks: {wait: 'echo $$ >\"$SHARED_PATH/pid.new\"; mv \"$SHARED_PATH/pid.new\" \"$SHARED_PATH/pid\"; sleep 300; sleep 300'}\n"
      "hooks: {build: wait}\n");
  world.write_app("1");
  Running running = world.start({"production", "--output", "json"});
  REQUIRE(eventually([&] { return world.host(0).exists("shared/pid"); }, std::chrono::seconds(60)));

  const Ran locked = world.deploy({"production", "--output", "json"});
  INFO(locked);
  REQUIRE(locked.status == 4);
  CHECK(checked_events(locked, "locked").back()["hosts"][0]["error"]["code"] == "locked");

  running.signal(SIGINT);
  const Ran stopped = running.wait();
  INFO(stopped);
  REQUIRE(stopped.status == 130);
  const Events events = checked_events(stopped, "interrupted");
  CHECK_THAT(only(events, "warning").at(0)["text"].get<std::string>(), ContainsSubstring("stopping"));
  CHECK(events.back()["hosts"][0]["end"] == "unchanged");
}

TEST_CASE("exit code 5: a host can't be reached, or refuses the key, or shows another host key") {
  World world;
  world.write_app("1");
  std::string code;
  SECTION("no server") {
    code = "connect";
    world.write_recipe("", "[\"127.0.0.1:1\"]");
  }
  SECTION("no key that the host takes") {
    code = "auth";
    world.write_recipe("", "[{address: \"127.0.0.1\", user: nobody-of-that-name}]");
  }
  SECTION("a host key that isn't known") {
    code = "host_key";
    world.write_recipe("");
    std::filesystem::resize_file(world.known_hosts(), 0);
  }
  const Ran ran = world.deploy({"production", "--output", "json"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  CHECK(checked_events(ran, "unreachable").back()["hosts"][0]["error"]["code"] == code);
  REQUIRE(world.host(0).untouched());
}

// The fault is a real one: descriptors for one of the two things that watching signals needs, and none for the other. The undefined
// behaviour sanitizer needs some itself; with it, no thread's stack fits into memory, which the thread sanitizer wouldn't bear.
#if defined(__SANITIZE_ADDRESS__)
const std::string fault = "ulimit -s 140000000000", told_as = "can't start another thread here";
#else
const std::string fault = "ulimit -n 4", told_as = "this is a bug of deploy";
#endif

TEST_CASE("exit code 70: what the program isn't made for") {
  World world;
  const Ran ran = world.type(fault + "; exec deploy production --output json");
  INFO(ran);
  REQUIRE(ran.status == 70);
  CHECK_THAT(ran.err, ContainsSubstring(told_as));
  CHECK(checked_events(ran, "bug").size() == 1);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("too little memory on this machine is told as that, wherever it ends") {
  const World world;
  bool told = false;
  for (int kilobytes = 10'000; kilobytes < 90'000; kilobytes += 250) {
    const Ran ran = world.type("ulimit -v " + std::to_string(kilobytes) + "; exec deploy config production");
    INFO(kilobytes << " KB: " << ran);
    CHECK_THAT(ran.err, !ContainsSubstring("bug"));
    told = told || ran.err.find("error: out of memory") != std::string::npos;
    if (ran.status == 0) break;
  }
  CHECK(told);
}
#endif

TEST_CASE("JSON that can't be written is a failure of a verb that reads, and none of a deploy") {
  World world;
  world.write_app("1");
  const Ran deployed = world.type("deploy production --output json >/dev/full");
  CHECK_THAT(
      deployed.err,
      ContainsSubstring(
          "warning: standard output can't be written: No space left on device: 'deploy report' shows the run\n"));
  INFO(deployed);
  CHECK(deployed.status == 0);
  CHECK(world.host(0).version() == "1");
  const Ran read = world.type("deploy releases production --output json >/dev/full");
  INFO(read);
  CHECK(read.status == 1);
  CHECK_THAT(read.err, ContainsSubstring("standard output can't be written"));
  const Ran run = world.type("deploy run production -- cat VERSION >/dev/full");
  INFO(run);
  CHECK(run.status == 1);
  CHECK_THAT(run.err, ContainsSubstring("standard output can't be written"));
}
