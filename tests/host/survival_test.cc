// The control shell where something of it is killed or can't be started, and where nobody reads what it says.
#include <signal.h>

#include "host/locking.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

// A folder that comes first in a control shell's PATH.
std::string first_in_path(const Disk& disk) {
  disk.make_folder("tmp/bin");
  return "PATH=" + disk.temporary() + "/bin:$PATH";
}

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

}  // namespace kirikae::test
