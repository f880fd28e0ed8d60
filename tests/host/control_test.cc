// The control shell, as docs/design.md describes its protocol.
#include <signal.h>

#include <memory>
#include <sstream>

#include "host/control.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

std::vector<pid_t> pids_in(const std::string& text) {
  std::istringstream words(text);
  std::vector<pid_t> pids;
  for (pid_t pid = 0; words >> pid;) pids.push_back(pid);
  return pids;
}

bool all_gone(const std::vector<pid_t>& pids) {
  return eventually([&] {
    for (const auto pid : pids) {
      if (is_running(pid)) return false;
    }
    return true;
  });
}

// A child and a grandchild beside the step's own shell; their ids are what it prints.
constexpr const char* family = "echo $$; sleep 600 & echo $!; (sleep 600 & echo $!; echo all; wait) & wait\n";

// INT ends what a step runs, where env can undo that background jobs ignore it.
void check_interrupts(Control& control, const Shell& shell) {
  const bool env_can = control.run("env --default-signal=INT true 2>/dev/null").status == 0;
  CHECK((env_can || shell.name == "busybox"));
  CHECK(control.run("sh -c 'kill -INT $$; :'").status == (env_can ? 130 : 0));
}

}  // namespace

TEST_CASE("A step's output, error output and status come framed, whatever a login shell printed before") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk, "control",
                  "echo 'Welcome!'; printf '\\n0123 hello 1\\n'; echo oops >&2; printf 'no newline'");
  auto ended = control.run("echo out; echo err >&2; exit 7");
  CHECK(ended.status == 7);
  CHECK(ended.out == "out\n");
  CHECK(ended.err == "err\n");
  ended = control.run("printf 'no newline'; printf '\\n\\n' >&2");
  CHECK(ended.status == 0);
  CHECK(ended.out == "no newline");
  CHECK(ended.err == "\n\n");
  CHECK(control.run(":").out.empty());
  control.say("quit\n");
  CHECK(control.wait() == 0);
  CHECK(fs::is_empty(disk.temporary()));
}

TEST_CASE("A step stops at its first failure") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  auto ended = control.run("echo one\n(exit 3)\necho two");
  CHECK(ended.status == 3);
  CHECK(ended.out == "one\n");
  CHECK(ended.err.empty());
  CHECK(control.run("false || true; echo on").out == "on\n");
  CHECK(control.run("syntax (error").status != 0);
  CHECK(control.run("echo still here").out == "still here\n");
}

TEST_CASE("Output of five megabytes and of every byte comes whole") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  CHECK(control.run("dd if=/dev/zero bs=100000 count=50 2>/dev/null").out == std::string(5000000, '\0'));
  CHECK(control.run("dd if=/dev/zero bs=100000 count=20 >&2 2>/dev/null").err.size() == 2000000);
  std::string bytes;
  std::string octal;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    char text[8];
    std::snprintf(text, sizeof text, "\\%03o", static_cast<unsigned>(i));
    octal += text;
  }
  CHECK(control.run("printf '" + octal + "'").out == bytes);
}

TEST_CASE("A step of many and of long lines arrives as it was sent") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  std::string text = "cat() { command cat; }\n";
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const auto word = "  \\n \\\\ \"$x\" `id` ü " + std::to_string(i) + "\t\t";
    text += "printf '%s\\n' '" + word + "'\n";
    expected += word + "\n";
  }
  text += "printf %s '" + std::string(40000, 'x') + "'\n\n\n";
  const auto ended = control.run(text);
  CHECK(ended.status == 0);
  CHECK(ended.out == expected + std::string(40000, 'x'));
}

TEST_CASE("A step that a signal has ended has status 128 and the signal's number") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  const auto ended = control.run("kill -9 $$");
  CHECK(ended.status == 137);
  CHECK(ended.err.empty());
  CHECK(control.run("kill -15 $$").status == 143);
  CHECK(control.run("sh -c 'kill -15 $$'").status == 143);
}

TEST_CASE("A step's programs can be interrupted, though background jobs of a shell can't") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  check_interrupts(control, shell);
}

TEST_CASE("The first step begins once, with its standard input, though it is begun again where env can't do that") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  host::Command command{"first", "read -r line; echo \"$line.\"; echo wrong >&2\n"};
  command.input = "its input\n";
  const auto ended = control.run(command);
  CHECK(ended.status == 0);
  CHECK(ended.out == "its input.\n");
  CHECK(ended.err == "wrong\n");
  CHECK(control.run("cat").out.empty());
}

TEST_CASE("A step that the system can't start says why, and the next ones can be interrupted as ever") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  const auto ended = control.run("printf %s '" + std::string(200'000, 'x') + "'");  // more than Linux lets one variable have
  CHECK(ended.status != 0);
  CHECK(ended.out.empty());
  CHECK_THAT(ended.err, Catch::Matchers::ContainsSubstring("too long"));
  check_interrupts(control, shell);
}

TEST_CASE("A ping is answered at once, in the midst of a step that prints without end") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  control.say("ping 1\n");
  CHECK(control.wait_for("pong 1"));
  control.begin(5, "echo started; while :; do printf 'no newline here '; done");
  REQUIRE(control.wait_for_output("started"));
  for (int i = 2; i < 30; ++i) {
    control.say("ping " + std::to_string(i) + "\n");
    CHECK(control.wait_for("pong " + std::to_string(i)));
  }
  control.say("cancel 5\n");
  CHECK(control.end(5).status == 143);
}

TEST_CASE("A second step while one runs is refused, and a cancel of another step does nothing") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  control.begin(1, "echo $$; sleep 600");
  control.say("step 2 2\necho no\necho no\n");
  CHECK(control.wait_for("end 2 125"));
  control.say("cancel 2\ncancel 3\nping 9\n");
  CHECK(control.wait_for("pong 9"));
  control.say("cancel 1\n");
  CHECK(control.wait_for("end 1 143"));
  const auto ended = control.run("echo yes");
  CHECK(ended.out == "yes\n");
}

TEST_CASE("A cancel ends the step's whole process group") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  // At once, too: before the step has begun in earnest.
  control.begin(1, "sleep 600");
  control.say("cancel 1\n");
  CHECK(control.end(1).status == 143);

  control.begin(2, family);
  REQUIRE(control.wait_for_output("all"));
  control.say("cancel 2\n");
  const auto ended = control.end(2);
  CHECK(ended.status == 143);
  const auto pids = pids_in(ended.out);
  CHECK(pids.size() == 3);
  CHECK(all_gone(pids));
  CHECK(control.run("echo on").out == "on\n");
}

TEST_CASE("Steps of ours, one after the other, are steps of their own: folder, values, status and failure end with each") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  CHECK(control.run("cd /proc; kk_value=1; umask 077; exit 3", true).status == 3);
  auto ended = control.run("pwd; echo \"${kk_value-none} $(umask)\"; false; echo not reached", true);
  CHECK(ended.status == 1);
  CHECK(ended.out.find("/proc\n") == std::string::npos);
  CHECK((ended.out.find("none 0022\n") != std::string::npos || ended.out.find("none 022\n") != std::string::npos));
  CHECK(ended.out.find("not reached") == std::string::npos);
  CHECK(control.run("echo out; echo err >&2; cat", true).out == "out\n");
  // Longer than what a pipe takes.
  ended = control.run("kk_value='" + std::string(100'000, 'x') + "'\necho ${#kk_value}\n", true);
  CHECK(ended.status == 0);
  CHECK(ended.out == "100000\n");
  CHECK(control.run("echo after", true).out == "after\n");
  CHECK(control.run("echo a task").out == "a task\n");
  control.say("quit\n");
  CHECK(control.wait() == 0);
}

TEST_CASE("A step of ours is cancelled with all that it has started, and the next one runs") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  CHECK(control.run("echo warm", true).out == "warm\n");
  for (int id = 2; id < 6; id += 2) {
    control.begin(id, family, true);
    REQUIRE(control.wait_for_output("all"));
    control.say("cancel " + std::to_string(id) + "\n");
    const auto ended = control.end(id);
    CHECK(ended.status == 143);
    const auto pids = pids_in(ended.out);
    CHECK(pids.size() == 3);
    CHECK(all_gone(pids));
    const auto next = control.run("echo on", true);
    CHECK(next.status == 0);
    CHECK(next.out == "on\n");
  }
  // At once, too: before the worker has begun in earnest.
  Control other(shell, disk);
  other.begin(1, "sleep 600", true);
  other.say("cancel 1\n");
  CHECK(other.end(1).status == 143);
  CHECK(other.run("echo on", true).out == "on\n");
}

TEST_CASE("However the control shell ends, nothing of ours runs on that waits for it") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string how = GENERATE("quit", "end of input", "KILL");
  INFO(shell << ", " << how);
  const Disk disk;
  Control control(shell, disk);
  const auto pids = pids_in(control.run("echo $$ $PPID $kk_shell", true).out);
  REQUIRE(pids.size() == 3);
  if (how == "quit") control.say("quit\n");
  if (how == "end of input") control.close_input();
  if (how == "KILL") kill(pids[2], SIGKILL);
  control.wait();
  CHECK(all_gone(pids));
}

TEST_CASE("A step that ignores TERM is killed after five seconds") {
  // All shells at the same time, since it takes so long.
  const Disk disk;
  std::vector<std::unique_ptr<Control>> controls;
  std::vector<pid_t> pids;
  for (const auto& shell : shells()) {
    controls.push_back(std::make_unique<Control>(shell, disk));
    controls.back()->begin(1, "trap '' TERM; echo $$; sleep 600 & echo $!; echo all; wait; sleep 600");
    REQUIRE(controls.back()->wait_for_output("all"));
  }
  for (const auto& control : controls) control->say("cancel 1\nping 1\n");
  for (const auto& control : controls) CHECK(control->wait_for("pong 1", std::chrono::seconds(3)));
  for (const auto& control : controls) {
    const auto ended = control->end(1);
    CHECK(ended.status == 137);
    for (const auto pid : pids_in(ended.out.substr(0, ended.out.find("all")))) pids.push_back(pid);
  }
  CHECK(pids.size() == 2 * controls.size());
  CHECK(all_gone(pids));
}

TEST_CASE("When the client goes, the running step goes, and the shell") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string how = GENERATE("end of input", "quit", "nonsense", "hang up");
  INFO(shell << ", " << how);
  const Disk disk;
  Control control(shell, disk);
  control.begin(1, std::string("echo $PPID; ") + family);
  REQUIRE(control.wait_for_output("all"));
  const auto pids = pids_in(control.out().substr(control.out().find("begin 1\n") + 8));
  REQUIRE(pids.size() == 4);
  if (how == "end of input") control.close_input();
  if (how == "quit") control.say("quit\n");
  if (how == "nonsense") control.say("rm -rf /\n");
  if (how == "hang up") control.hang_up();
  CHECK(control.wait() == 0);
  CHECK(all_gone({pids.begin() + 1, pids.end()}));
}

TEST_CASE("A daemon left behind neither delays the end for long nor writes into the next step") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string kind = GENERATE("silent", "chatting", "in a session of its own");
  INFO(shell << ", " << kind);
  const Disk disk;
  Control control(shell, disk);
  std::string daemon = "trap '' HUP; sleep 600 & echo $!";
  if (kind == "chatting") daemon = "{ while :; do echo noise || exit; cat /dev/null; done; } & echo $!";  // no flood: whoever reads keeps up
  if (kind == "in a session of its own") daemon = "setsid sleep 600 & echo $!";
  control.begin(1, daemon);
  const auto ended = control.end(1, std::chrono::seconds(4));
  CHECK(ended.status == 0);
  for (int i = 0; i < 3; ++i) {
    const auto next = control.run("echo next; echo error >&2");
    CHECK(next.out == "next\n");
    CHECK(next.err == "error\n");
  }
  pid_t pid = 0;
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.find_first_not_of("0123456789") == std::string::npos) pid = std::stoi(line);
  }
  REQUIRE(pid > 1);
  kill(pid, SIGKILL);
}

TEST_CASE("A step has an empty standard input, a process group of its own, and nothing of ours") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  CHECK(control.run("cat; echo end").out == "end\n");
  CHECK(control.run("env | grep -i -e kirikae_ -e \"" + control.nonce() + "\" || echo none").out == "none\n");
  // grep would find itself, but for the brackets.
  CHECK(control.run("cat /proc/$$/cmdline | tr '\\000' ' ' | grep -c '[c]mdline' || :").out == "0\n");
  // Descriptors above 2 that reach a program; ls has one for the folder.
  CHECK(control.run("ls -l /proc/self/fd | grep -c -e pipe: -e socket: -e deleted").out == "2\n");
  const auto ids = control.run("read -r line </proc/$$/stat; line=${line##*')'}; set -- $line; echo $$ $3 $4").out;
  const auto pids = pids_in(ids);
  REQUIRE(pids.size() == 3);
  CHECK(pids[0] == pids[1]);
  CHECK(pids[0] == pids[2]);
}

TEST_CASE("A shell that was told nonsense at the start ends", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  CHECK_THROWS(Control(shell, disk, "hello"));
  Control data(shell, disk, "data");
  data.say("ping 1\n");
  CHECK(data.wait() == 2);
}

TEST_CASE("The payload follows a step's lines on a data channel, byte by byte") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  std::string payload = "first line\n\0second\n";
  payload.resize(3000000, '\xFE');
  auto ended = send(shell, disk, {"count", "read -r one; echo \"$one\"\nwc -c\n"}, payload);
  CHECK(ended.status == 0);
  std::istringstream words(ended.out);
  std::string first, line;
  std::size_t size = 0;
  words >> first >> line >> size;
  CHECK(first + " " + line == "first line");
  CHECK(size == payload.size() - 11);
  CHECK(send(shell, disk, {"copy", "cat\n"}, payload.substr(0, 3000)).out == payload.substr(0, 3000));
  // The step's end is told although nobody has read the payload.
  ended = send(shell, disk, {"fail", "echo full >&2; exit 9\n"}, payload);
  CHECK(ended.status == 9);
  CHECK(ended.err == "full\n");
}

TEST_CASE("A umask of the login shell keeps neither the account itself out nor lets everybody write") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const auto [before, then] = GENERATE(table<std::string, std::string>({{"0777", "077"}, {"0", "002"}, {"022", "022"}, {"027", "027"}}));
  INFO(before);
  const Disk disk;
  Control control(shell, disk, "control", "umask " + before);
  const auto ended = control.run("umask");
  CHECK(ended.status == 0);
  CHECK_THAT(ended.out, Catch::Matchers::EndsWith(then + "\n"));
}

}  // namespace kirikae::test
