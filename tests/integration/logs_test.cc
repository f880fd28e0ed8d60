// `deploy logs` on real servers.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/shell_quote.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

void append(const FarmHost& host, std::string_view file, std::string_view text) {
  std::ofstream(host / file, std::ios::app) << text;
}

bool comes(const Running& running, const std::string& text) {
  return eventually([&] { return running.out().find(text) != std::string::npos; }, std::chrono::seconds(60));
}

}  // namespace

TEST_CASE(
    "log files are shown and followed on all hosts, through a rotation and a switch, until Ctrl-C, which is exit 0") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe("shared: {directories: [log]}\nlogs: [log/app.log, \"log/*.err\"]\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.host(0).write("shared/log/app.log", "one\ntwo\nthree\n");
  world.host(1).write("shared/log/app.log", "ready\n");
  world.host(0).write("shared/log/it's [1] $x.err", "odd name\n");
  Ran ran = world.deploy({"logs", "production", "-n", "2", "--hosts", "*.1"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(ran.out ==
        "[127.0.0.1] log/app.log: two\n[127.0.0.1] log/app.log: three\n[127.0.0.1] log/it's [1] $x.err: odd name\n");
  ran = world.deploy({"production", "logs", "--hosts", "*.2"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK(ran.out == "[127.0.0.2] log/app.log: ready\n");
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.2] 'log/*.err' is not there\n") &&
                          ContainsSubstring("error: [127.0.0.2] not all of its log files could be shown"));

  Running following = world.start({"logs", "production", "--follow"});
  REQUIRE(comes(following, "[127.0.0.1] log/app.log: three\n"));
  REQUIRE(comes(following, "[127.0.0.2] log/app.log: ready\n"));
  CHECK(eventually([&] {
    return following.err().find("[127.0.0.2] 'log/*.err' is not there yet: waiting for it\n") != std::string::npos;
  }));
  append(world.host(0), "shared/log/app.log", "four\n");
  CHECK(comes(following, "[127.0.0.1] log/app.log: four\n"));
  append(world.host(1), "shared/log/late.err", "first words\n");
  CHECK(comes(following, "[127.0.0.2] log/late.err: first words\n"));
  std::filesystem::rename(world.host(0) / "shared/log/app.log", world.host(0) / "shared/log/app.log.1");
  world.host(0).write("shared/log/app.log", "after the rotation\n");
  CHECK(comes(following, "[127.0.0.1] log/app.log: after the rotation\n"));
  world.write_app("2");
  REQUIRE(world.deploy({"production"}).status == 0);
  append(world.host(0), "shared/log/app.log", "after the switch\n");
  CHECK(comes(following, "[127.0.0.1] log/app.log: after the switch\n"));
  following.signal(SIGINT);
  const Ran ended = following.wait();
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.err.find("stopping") == std::string::npos);
  // Nothing of it is left on the hosts.
  CHECK(eventually([&] { return processes_with("current/log/app.log").empty(); }, std::chrono::seconds(30)));
}

TEST_CASE("a host that is lost while its log is followed is told at once, and the others go on") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  world.write_recipe("logs: index.html\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  Running following = world.start({"logs", "production", "-f"});
  REQUIRE(comes(following, "[127.0.0.1] <p>Version 1</p>\n"));
  REQUIRE(comes(following, "[127.0.0.2] <p>Version 1</p>\n"));
  for (const pid_t pid : processes_with("current/index.html")) {
    if (process_name(pid) == "tail" &&
        std::filesystem::equivalent(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/cwd"),
                                    world.host(1).tree()))
      ::kill(pid, SIGKILL);
  }
  REQUIRE(eventually(
      [&] { return following.err().find("[127.0.0.2] warning: not followed any more") != std::string::npos; },
      std::chrono::seconds(60)));
  CHECK_FALSE(following.has_ended());
  following.signal(SIGTERM);
  const Ran ended = following.wait();
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, ContainsSubstring("error: [127.0.0.2] not all of its log files could be shown"));
}

TEST_CASE("following ends where nobody reads it any more", "[slow]") {
  World world;
  world.write_app("1");
  world.write_recipe("logs: log/app.log\nshared: {directories: [log]}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  append(world.host(0), "shared/log/app.log", "one\n");
  const Ran ran = world.type("{ deploy logs production -f; echo ended: $? >&2; } | { head -n 1; exec <&-; echo two >>" +
                             kirikae::shell_word((world.host(0) / "shared/log/app.log").string()) + "; }");
  INFO(ran);
  CHECK(ran.out == "[127.0.0.1] one\n");
  CHECK_THAT(ran.err, ContainsSubstring("ended: 0\n"));
}

TEST_CASE("logs needs log files in the recipe, and a number of lines is one") {
  World world;
  for (const auto& [arguments, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"logs", "production"},
            "error: the recipe names no log files\n  for instance: logs: [log/production.log]\n"},
           {{"logs", "production", "-n", "x"}, "error: '--lines x' is no number of lines\n  write it as --lines 100\n"},
           {{"audit", "production", "--lines", "0"}, "error: '--lines 0' would show nothing of the audit\n  write it as --lines 100\n"},
           {{"logs", "production", "-f", "--no-follow"},
            "error: '--follow' and '--no-follow' exclude each other\n  see 'deploy --help'\n"},
           {{"releases", "production", "--lines", "3"},
            "error: option '--lines' has no meaning here\n  it goes with: audit, logs\n"}}) {
    const Ran ran = world.deploy(arguments);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK(ran.err == text);
  }
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);
}
