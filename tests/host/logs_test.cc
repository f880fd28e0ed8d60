// The recipe's log files, shown and followed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "host/releases.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

TEST_CASE("Log files are shown by their names and patterns, and what is missing is told") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1, {{"log/a.log", "1\n2\n3"}, {"log/-n it's $(id) [x].log", "odd\n"}, {"log/b.txt", "b\n"}});
  site.publish(id1);
  site.disk.write("elsewhere.log", "else\n");
  const auto show = [&](const std::vector<std::string>& patterns, int lines = 10) {
    return site.control.run(host::logs(site.layout(), patterns, false, lines));
  };
  auto ended = show({"log/a.log"}, 2);
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "2\n3");
  ended = show({"log/*.log", site.disk / "elsewhere.log"});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "log/-n it's $(id) [x].log: odd\nlog/a.log: 1\nlog/a.log: 2\nlog/a.log: 3\n" +
                         (site.disk / "elsewhere.log") + ": else\n");
  ended = show({"log/-n it's $(id) [x].log"});
  INFO(ended);
  CHECK(ended.out == "log/-n it's $(id) [x].log: odd\n");
  ended = show({"log/$(touch pwned)", "log/b.txt", "nothing/*"}, 0);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.out.empty());
  CHECK(ended.err == "'log/$(touch pwned)' is not there\n'nothing/*' is not there\n");
  CHECK_FALSE(site.disk.exists("pwned"));
  CHECK_FALSE(site.disk.exists("current/pwned"));
}

TEST_CASE("A pipe among the log files loses nothing to us, and holds nobody up") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1, {{"log/a.log", "1\n"}});
  site.publish(id1);
  const auto pipe = site.disk.path("current/log/pipe.log");
  REQUIRE(::mkfifo(pipe.c_str(), 0666) == 0);
  REQUIRE(::chmod(pipe.c_str(), 0666) == 0);
  const Fd end(::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(::write(end.get(), "its own\n", 8) == 8);
  auto ended = site.control.run(host::logs(site.layout(), {"log/*.log"}, false, 10));
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "log/a.log: 1\n");
  for (const bool follow : {false, true}) {
    ended = site.control.run(host::logs(site.layout(), {"log/pipe.log"}, follow, 10));
    INFO(ended);
    CHECK(ended.status == 1);
    CHECK(ended.err == "'log/pipe.log' is a pipe or a socket, and no log file\n");
  }
  std::array<char, 100> left{};
  CHECK(::read(end.get(), left.data(), left.size()) == 8);
}

TEST_CASE("Folders that a pattern matches are no log files, and one that can't be read to its end is told") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1, {{"log/a.log", "1\n"}, {"log/old/b.log", "x\n"}});
  site.publish(id1);
  const auto show = [&](const std::vector<std::string>& patterns, const std::string& before = {}) {
    auto command = host::logs(site.layout(), patterns, false, 10);
    command.text.insert(0, before);
    return site.control.run(command);
  };
  auto ended = show({"log/*"});
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "log/a.log: 1\n");
  CHECK(ended.err.empty());
  ended = show({"log/o*"});
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.err == "'log/o*' is not there\n");
  ended = show({"log/old"});
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.out.empty());
  for (const std::vector<std::string>& patterns : {std::vector<std::string>{"log/a.log"}, {"log/*"}}) {
    ended = show(patterns, "tail() { command tail \"$@\"; echo 'bad sector' >&2; return 1; }\n");
    INFO(ended);
    CHECK(ended.status == 1);
    CHECK(ended.out == (patterns.front() == "log/*" ? "log/a.log: 1\n" : "1\n"));
    CHECK(ended.err == "bad sector\n");
  }
  // What is left of the pattern is followed.
  site.control.begin(80, host::logs(site.layout(), {"log/*"}, true, 10).text);
  CHECK(site.control.wait_for_output("log/a.log: 1\n"));
  site.control.say("cancel 80\n");
  ended = site.control.end(80);
  INFO(ended);
  CHECK(ended.err.find("old") == std::string::npos);
}

TEST_CASE("Log files are followed, also those that come later, until the step is ended with all of it") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1, {{"log/a.log", "first\n"}});
  site.publish(id1);
  const std::string mark = "a" + std::to_string(::getpid()) + ".log";
  site.disk.write("srv/app/current/log/" + mark, "marked\n");
  site.control.begin(70, host::logs(site.layout(), {"log/a.log", "log/" + mark, "log/late.*"}, true, 10).text);
  REQUIRE(site.control.wait_for_output("log/a.log: first\n"));
  REQUIRE(site.control.wait_for_output(": marked\n"));
  REQUIRE(site.control.wait_for_error("'log/late.*' is not there yet"));
  site.disk.write("srv/app/current/log/late.log", "from its beginning\n");
  CHECK(site.control.wait_for_output("log/late.log: from its beginning\n"));
  site.disk.write("srv/app/current/log/a.new", "rotated\n");
  fs::rename(site.disk.path("current/log/a.new"), site.disk.path("current/log/a.log"));
  CHECK(site.control.wait_for_output("log/a.log: rotated\n"));
  site.control.say("cancel 70\n");
  const auto ended = site.control.end(70);
  INFO(ended);
  CHECK(ended.status == 143);
  CHECK(ended.err.find("'log/late.*' is not there yet: waiting for it\n") != std::string::npos);
  CHECK(eventually([&] { return processes_with(mark).empty(); }));
}

}  // namespace kirikae::test
