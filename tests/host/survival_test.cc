// The control shell where something of it is killed or can't be started, and where nobody reads what it says.
#include <signal.h>

#include <sstream>

#include "host/locking.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& process : all_processes()) {
    if (process.parent == parent && is_running(process.pid)) children.push_back(process.pid);
  }
  return children;
}

// A folder that comes first in a control shell's PATH.
std::string first_in_path(const Disk& disk) {
  disk.make_folder("tmp/bin");
  return "PATH=" + disk.temporary() + "/bin:$PATH";
}

// A line of a step at which it waits until open_gate().
std::string gate(const Disk& disk) {
  const std::string path = disk.temporary() + "/gate";
  REQUIRE(run_program({"mkfifo", "-m", "666", path}).status == 0);
  return "read -r line <" + path + "\n";
}
void open_gate(const Disk& disk) { disk.write("tmp/gate", "on\n"); }

// A step that says more than all pipes to a client that doesn't read take.
std::string too_much(const Never& never) { return "head -c 500000 /dev/zero\nexec " + never.command() + "\n"; }

}  // namespace

TEST_CASE("A step that begins when its control shell has gone doesn't begin") {
  const auto shell = GENERATE(from_range(shells()));
  const bool ours = GENERATE(false, true);
  INFO(shell << ", " << ours);
  const Disk disk;
  disk.make_folder("srv/app");
  // What starts the step's shell waits at the gate.
  const std::string gate = disk.temporary() + "/gate";
  disk.write("tmp/bin/setsid",
             "#!/bin/sh\n[ ! -p " + gate + " ] || { echo $$ >" + disk.temporary() + "/at_gate; read -r line <" + gate + "; }\n" +
                 "PATH=${PATH#*:}\nexec setsid \"$@\"\n",
             0755);
  Control control(shell, disk, "control", first_in_path(disk));
  const pid_t itself = std::stoi(control.run("echo $kk_shell").out);
  REQUIRE(run_program({"mkfifo", "-m", "666", gate}).status == 0);
  control.begin(2, ": >" + disk.temporary() + "/begun", ours);
  REQUIRE(eventually([&] { return !disk.read("../../tmp/at_gate").empty(); }));
  const pid_t step = std::stoi(disk.read("../../tmp/at_gate"));
  kill(itself, SIGKILL);
  REQUIRE(control.wait() == 128 + SIGKILL);
  disk.write("tmp/gate", "on\n");
  CHECK(eventually([&] { return !is_running(step); }));
  CHECK_FALSE(disk.exists("../../tmp/begun"));
}

TEST_CASE("Whichever process beside a control shell is killed in the midst of a step, both end once the client has gone", "[slow]") {
  // All at the same time, since ten seconds are waited for what would say that the step has ended.
  const Never never;
  const Disk disk;
  struct Place {
    std::string what;
    std::unique_ptr<Control> control;
    pid_t itself = -1, step = -1;
  };
  std::vector<Place> places;
  for (const auto& shell : shells()) {
    for (const bool ours : {false, true}) {
      for (std::size_t k = 1;; ++k) {
        Place place{shell.name + (ours ? ", call, " : ", step, ") + std::to_string(k), std::make_unique<Control>(shell, disk)};
        INFO(place.what);
        place.control->begin(1, "echo $kk_shell; read -r pid rest </proc/self/stat; echo $pid; echo all; " + never.command() + "\n", ours);
        REQUIRE(place.control->wait_for_output("all"));
        std::istringstream numbers(place.control->out().substr(place.control->out().find("begin 1\n") + 8));
        numbers >> place.itself >> place.step;
        const auto all = with_descendants(place.itself);
        if (k >= all.size()) break;
        kill(all[k], SIGKILL);
        places.push_back(std::move(place));
      }
    }
  }
  for (const auto& place : places) place.control->close_input();
  for (const auto& place : places) {
    INFO(place.what);
    CHECK(eventually([&] { return !is_running(place.itself); }, std::chrono::seconds(60)));
    CHECK(eventually([&] { return !is_running(place.step); }));
  }
  for (const pid_t pid : processes_with(never.path())) kill(pid, SIGKILL);  // of steps that were killed themselves
}

TEST_CASE(
    "Where the process is killed that waits for a step, the step ends as killed once it is over, or with what it has "
    "left behind") {
  const auto shell = GENERATE(from_range(shells()));
  const bool leaves = GENERATE(false, true);  // somebody who holds its output
  INFO(shell << ", " << leaves);
  const Never never;
  const Disk disk;
  Control control(shell, disk);
  control.begin(1, "echo $PPID $$\necho all\n" + (leaves ? never.command() + " &\n" : "") + gate(disk));
  REQUIRE(control.wait_for_output("all"));
  std::istringstream numbers(control.out().substr(control.out().find("begin 1\n") + 8));
  pid_t who_waits = -1, step = -1;
  numbers >> who_waits >> step;
  REQUIRE(kill(who_waits, SIGKILL) == 0);
  REQUIRE(eventually([&] { return !is_running(who_waits); }));
  open_gate(disk);
  if (leaves) {
    REQUIRE(eventually([&] { return !is_running(step); }));
    for (const char* ping : {"ping 1\n", "ping 2\n", "ping 3\n", "ping 4\n"}) control.say(ping);
  }
  const Ended ended = control.end(1, std::chrono::seconds(60));
  INFO(ended);
  CHECK(ended.status == 137);
  CHECK(ended.err == "the process that waits for this step was killed: how it has ended is not known\n");
  for (const pid_t pid : processes_with(never.path())) kill(pid, SIGKILL);
  CHECK(control.run("echo on").out == "on\n");
}

TEST_CASE("A step whose relays are killed goes on, and tells its status") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  const pid_t itself = std::stoi(control.run("echo $kk_shell").out);
  control.begin(2, "echo all\n" + gate(disk) + "exit 5\n");
  REQUIRE(control.wait_for_output("all"));
  int relays = 0;
  for (const pid_t pid : with_descendants(itself)) {
    if (run_program({"ps", "-o", "args=", "-p", std::to_string(pid)}).output == "cat\n") relays += kill(pid, SIGKILL) == 0;
  }
  CHECK(relays == 2);
  control.say("ping 7\n");
  REQUIRE(control.wait_for("pong 7"));
  open_gate(disk);
  CHECK(control.end(2).status == 5);
}

TEST_CASE("A control shell to which nobody listens any more ends, though its client is there") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  Control control(shell, disk);
  const pid_t itself = std::stoi(control.run("echo $kk_shell").out);
  std::vector<pid_t> all;
  // Itself, who waits for the listener, the listener.
  REQUIRE(eventually([&] { return (all = with_descendants(itself)).size() <= 3; }));
  kill(all.back(), SIGKILL);
  CHECK(control.wait() == 0);
}

TEST_CASE("A pulse that stops begins again; where it can't, the lock is free") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  const Never never;
  const std::string held = disk.temporary() + "/held";
  disk.write("tmp/bin/sleep", "#!/bin/sh\n[ ! -e " + held + " ] || exit 1\nPATH=${PATH#*:}\nexec sleep \"$@\"\n", 0755);
  Client client(shell, disk, "aa.0");
  client.control = std::make_unique<Control>(shell, disk, "control", first_in_path(disk));
  const pid_t itself = std::stoi(client.control->run("echo $kk_shell").out);
  // The pulse, and what it waits for.
  const auto pulse = [&] {
    for (const pid_t child : children_of(itself)) {
      for (const pid_t each : children_of(child)) {
        if (process_name(each) == "sleep") return std::pair(child, each);
      }
    }
    return std::pair<pid_t, pid_t>(-1, -1);
  };
  if (client.control->run("type sleep").out.find("builtin") != std::string::npos) return;  // it starts nothing
  REQUIRE(client.lock().status == 0);
  std::pair<pid_t, pid_t> first, now;
  REQUIRE(eventually([&] { return (first = pulse()).first > 0; }));
  SECTION("it is killed") {
    kill(first.first, SIGKILL);
    REQUIRE(eventually([&] { return !is_running(first.first); }));
    client.control->say("ping 1\n");
    CHECK(eventually([&] { return (now = pulse()).first > 0; }));
    CHECK(client.has_it());
  }
  SECTION("what it waits for is killed") {
    kill(first.second, SIGKILL);
    CHECK(eventually([&] { return (now = pulse()).first > 0 && now.second != first.second; }));
    CHECK(client.has_it());
  }
  SECTION("it can't go on") {
    client.control->begin(90, "exec " + never.command() + "\n");
    disk.write("tmp/held", "");
    kill(first.second, SIGKILL);
    const auto ended = client.control->end(90);
    INFO(ended);
    CHECK((ended.status == 143 || ended.status == -1));  // where nothing can wait for them any more, the last words may come to nobody
    CHECK_THAT(ended.err, Catch::Matchers::ContainsSubstring("can't start as many processes as a step needs"));
    CHECK(freed(disk));
  }
}

TEST_CASE("A client that pings without end and reads nothing delays no end of a step, and keeps no lock when it goes") {
  const auto shell = GENERATE(from_range(shells()));
  const bool reads_at_last = GENERATE(false, true);
  INFO(shell << ", " << reads_at_last);
  const Never never;
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  client.control->begin(90, too_much(never));
  REQUIRE(client.control->wait_until_full());
  std::string pings;
  for (int i = 0; i < 7'000; ++i) pings += "ping " + std::to_string(100'000 + i) + "\n";  // more than a pipe takes
  client.control->say(pings);
  if (reads_at_last) {
    client.control->say("cancel 90\n");
    CHECK(client.control->end(90).status == 143);
    CHECK(client.control->run("echo on").out == "on\n");
    client.control->say("ping 7\n");
    CHECK(client.control->wait_for("pong 7"));
  } else {
    client.control->close_input();
    CHECK(freed(disk));
  }
}

TEST_CASE("A client that begins steps without end while one runs, and reads nothing, keeps no lock") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Never never;
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  client.control->begin(90, too_much(never));
  REQUIRE(client.control->wait_until_full());
  std::string steps;
  for (int i = 0; i < 6'000; ++i) steps += "step " + std::to_string(100'000 + i) + " 0\n";
  client.control->say(steps);
  CHECK(freed(disk));
}

}  // namespace kirikae::test
