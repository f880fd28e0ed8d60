// The control shell where something of it is killed or can't be started, and where nobody reads what it says.
#include <signal.h>

#include "host/locking.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

// A folder that comes first in a control shell's PATH.
std::string first_in_path(const Disk& disk) {
  disk.make_folder("tmp/bin");
  return "PATH=" + disk.temporary() + "/bin:$PATH";
}

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
