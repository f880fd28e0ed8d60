// `deploy run` on real servers.
#include <algorithm>
#include <csignal>
#include <sstream>

#include "at_terminal.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string sorted(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

}  // namespace

TEST_CASE("a command runs on all hosts, in the live release, with the environment of tasks") {
  World world({.hosts = 3});
  world.write_app("1");
  world.write_recipe("vars: {greeting: \"it's $HOME\"}\nenv: {PATH: \"/usr/bin:/bin\"}\n");
  REQUIRE(world.deploy({"production", "--revision", "r1"}).status == 0);
  const std::string id = world.host(0).live();
  Ran ran = world.deploy({"run", "production", "--",
                          "cat VERSION; echo; echo \"$HOST $RELEASE $REVISION $greeting $PATH\"; echo odd >&2"});
  INFO(ran);
  CHECK(ran.status == 0);
  std::string out, err;
  for (const auto& host : world.hosts()) {
    out +=
        "[" + host.name() + "] " + host.name() + " " + id + " r1 it's $HOME /usr/bin:/bin\n[" + host.name() + "] 1\n";
    err += "[" + host.name() + "] odd\n";
  }
  CHECK(sorted(ran.out) == sorted(out));
  CHECK(sorted(ran.err) == err);
  // The other order of words, a selection, and words that are arguments: none of them is shell text.
  ran = world.deploy(
      {"production", "run", "--hosts", "*.2", "--", "printf", "%s|", "a  b", "$HOME", "it's", "--hosts", ""});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(ran.out == "[127.0.0.2] a  b|$HOME|it's|--hosts||\n");
  ran = world.deploy({"production", "run", "--group", "--exclude", "*.3", "--", "cat", "VERSION"});
  INFO(ran);
  CHECK(ran.out == "== 127.0.0.1 127.0.0.2 (2 hosts)\n1\n");
  // Nothing to read, and no trace of it.
  ran = world.type("echo typed | deploy run production --hosts '*.1' -- 'cat; echo end'");
  INFO(ran);
  CHECK(ran.out == "[127.0.0.1] end\n");
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("a command that is longer than a host takes is refused before anything is connected") {
  World world;
  std::string quotes = "echo ";
  while (quotes.size() < 80'000) quotes += "''";
  const Ran ran = world.deploy({"run", "production", "--", quotes});
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("the command is too long: 3") && ContainsSubstring(" bytes with its environment, and 127 KiB is the most that a host takes"));
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("where nothing was deployed yet, a command runs in the home folder") {
  World world;
  const Ran ran = world.deploy({"run", "production", "--", "[ \"$PWD\" = \"$HOME\" ] && echo \"home '$RELEASE'\""});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(ran.out == "[127.0.0.1] home ''\n");
  CHECK(world.host(0).untouched());
}

TEST_CASE("the exit code is the worst one; who can't be reached keeps nobody waiting and is told at the end") {
  World world({.hosts = 3});
  Ran ran = world.deploy({"run", "production", "--", "case $HOST in *.1) exit 3 ;; *.2) exit 41 ;; esac; echo fine"});
  INFO(ran);
  CHECK(ran.status == 41);
  CHECK(ran.out == "[127.0.0.3] fine\n");
  CHECK_THAT(ran.err, ContainsSubstring("error: [127.0.0.1] the command ended with status 3\n") &&
                          ContainsSubstring("error: [127.0.0.2] the command ended with status 41\n"));
  ran = world.deploy({"run", "production", "--hosts", "*.1", "--", "kill -9 $$"});
  INFO(ran);
  CHECK(ran.status == 137);
  CHECK_THAT(ran.err, ContainsSubstring("the command ended with status 137 (as by signal KILL)"));
  world.write_recipe("", "[127.0.0.1, \"127.0.0.9:1\"]");
  ran = world.deploy({"run", "production", "--", "echo fine"});
  INFO(ran);
  CHECK(ran.status == 255);
  CHECK(ran.out == "[127.0.0.1] fine\n");
  CHECK_THAT(ran.err, ContainsSubstring("error: [127.0.0.9] "));
  // Whoever kills the connection from there: a process of sshd or, since OpenSSH 9.8, of sshd-session.
  const Never never;
  ran = world.deploy({"run", "production", "--hosts", "127.0.0.1", "--",
                      "p=$PPID; while [ -n \"$p\" ]; do case $(cat /proc/$p/comm) in sshd*) break ;; esac; read -r _ _ _ p _ "
                      "</proc/$p/stat; done; kill -9 $p; " + never.command()});
  INFO(ran);
  CHECK(ran.status == 255);
  CHECK(ran.seconds < 50);
}

TEST_CASE("with --output plain nothing is coloured at a terminal, on neither stream") {
  const World world;
  kirikae::golden::Pty terminal = at_terminal(world, {"run", "production", "--output", "plain", "--", "echo hi; echo odd >&2; exit 9"}, "xterm");
  CHECK(end_of(terminal) == 9);
  CHECK_THAT(terminal.output(), ContainsSubstring("hi") && ContainsSubstring("odd") && ContainsSubstring("error: ") && !ContainsSubstring("\x1b"));
}

TEST_CASE("Ctrl-C and --timeout end a command on all hosts, with its children") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string command =
      "sleep 300 & echo $! >\"$SHARED_PATH/pid.new\"; mv \"$SHARED_PATH/pid.new\" \"$SHARED_PATH/pid\"; sleep 300";
  const bool interrupt = GENERATE(true, false);
  Running running = interrupt ? world.start({"run", "production", "--", command})
                              : world.start({"run", "production", "--timeout", "5s", "--", command});
  std::vector<pid_t> pids;
  for (const auto& host : world.hosts()) {
    REQUIRE(eventually([&] { return host.exists("shared/pid"); }, std::chrono::seconds(60)));
    pids.push_back(static_cast<pid_t>(std::stol(host.read("shared/pid"))));
  }
  if (interrupt) running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  CHECK(ran.status == (interrupt ? 130 : 124));
  CHECK(ran.seconds < 60);
  for (const pid_t pid : pids) CHECK(eventually([&] { return ::kill(pid, 0) != 0; }, std::chrono::seconds(30)));
}

TEST_CASE("words behind '--' are for 'run' only, and 'run' needs some") {
  World world;
  for (const auto& [arguments, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"run", "production"}, "error: no command to run\n  it stands behind '--': deploy run STAGE -- uptime\n"},
           {{"run", "production", "--", " "},
            "error: no command to run\n  it stands behind '--': deploy run STAGE -- uptime\n"},
           {{"run", "production", "uptime"},
            "error: 'uptime' is one word too many\n  usage: deploy run STAGE [options] -- COMMAND\n"},
           {{"run", "--", "uptime"}, "error: no stage given\n  stages: production\n"},
           {{"run", "production", "--timeout", "0", "--", "uptime"},
            "error: '--timeout' of nothing would end every command\n  write it as 90s, 10m or 1h\n"},
           {{"run", "production", "--output", "tty", "--", "uptime"},
            "error: '--output tty' has no meaning here: what commands print comes as lines\n  leave it out\n"},
           {{"releases", "production", "--", "uptime"},
            "error: 'uptime' is one word too many\n  usage: deploy releases STAGE [options]\n"}}) {
    const Ran ran = world.deploy(arguments);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK(ran.err == text);
  }
}

TEST_CASE("programs read what a command printed, and the exit code, as events") {
  World world;
  const Ran ran = world.deploy({"run", "production", "--output", "json", "--", "echo hi; echo odd >&2; exit 9"});
  INFO(ran);
  CHECK(ran.status == 9);
  const Events events = validated_events(ran.out);
  const Events lines = only(events, "output");
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    CHECK(line["host"] == "127.0.0.1");
    CHECK(line["line"] == (line["channel"] == "out" ? "hi" : "odd"));
  }
  CHECK(events.back()["outcome"] == "failed");
  CHECK(events.back()["exit_code"] == 9);
}
