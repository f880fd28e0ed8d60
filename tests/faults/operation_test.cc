// The k-th remote operation breaks, for every k, in a deploy and in a rollback to three hosts with hooks: see tests/shim for what
// happens there, and tests/faults/rig.h for what is checked.
#include "faults/rig.h"
#include "support/catch.h"

using namespace kirikae::test;

namespace {

// For every step that a host gets, on each host in turn; `least`: how many there are at least.
void break_every_step(Rig::Command command, const std::vector<std::string>& kinds, int least) {
  Rig rig;
  for (const auto& kind : kinds) {
    int k = 1;
    while (rig.run(command, static_cast<std::size_t>(k) % 3, k, kind)) ++k;
    REQUIRE(k - 1 >= least);
  }
  rig.check_nothing_runs();
}

// The same on the way back: the hook after the switch fails on one host, and the steps that follow are broken on another.
void break_the_way_back(Rig::Command command, const std::vector<std::string>& kinds) {
  Rig rig;
  const auto misbehave = [&] { rig.settings = {"mood=fail", "at=after_publish", "bad_host=127.0.0.2"}; };
  misbehave();
  REQUIRE_FALSE(rig.run(command, 0, 1000, "nothing"));
  const int first = rig.steps_until_switch() + 2;  // behind the switch and the hook
  for (const auto& kind : kinds) {
    int k = first;
    do {
      misbehave();
    } while (rig.run(command, k % 2 == 0 ? 0 : 2, k, kind) && ++k < 30);
    REQUIRE(k - first >= 2);
    REQUIRE(k < 30);
  }
  rig.check_nothing_runs();
}

constexpr int steps_of_deploy = 5, steps_of_rollback = 4;

}  // namespace

TEST_CASE("deploy: whichever step fails, the end is told truly and the next run converges") {
  break_every_step(Rig::Command::deploy, {"fail"}, steps_of_deploy);
}

TEST_CASE("deploy: whichever step never ends, ^C ends it there, and the next run converges") {
  break_every_step(Rig::Command::deploy, {"hang"}, steps_of_deploy);
}

TEST_CASE("deploy: whichever step is lost on the way with its connection, the next run converges") {
  break_every_step(Rig::Command::deploy, {"cut"}, steps_of_deploy);
}

TEST_CASE("deploy: whichever step loses its connection when its work is done, the next run converges") {
  break_every_step(Rig::Command::deploy, {"cut-after"}, steps_of_deploy);
}

TEST_CASE("deploy: whichever step loses its status, the next run converges") {
  break_every_step(Rig::Command::deploy, {"mute"}, steps_of_deploy);
}

TEST_CASE("deploy: at whichever step the server falls silent, the next run converges") {
  break_every_step(Rig::Command::deploy, {"silent"}, steps_of_deploy);
}

TEST_CASE("deploy: at whichever step all processes of a host's connection are killed, the next run converges") {
  break_every_step(Rig::Command::deploy, {"slay"}, steps_of_deploy);
}

TEST_CASE("deploy: the client is killed at whichever step, and the next run converges") {
  break_every_step(Rig::Command::deploy, {"client-kill"}, steps_of_deploy);
}

TEST_CASE("deploy: INT at whichever step is 130: nothing is changed before the switch, all is taken back after it") {
  break_every_step(Rig::Command::deploy, {"client-int"}, steps_of_deploy);
}

TEST_CASE("deploy: a second signal at whichever step stops at once, and the next run converges") {
  break_every_step(Rig::Command::deploy, {"client-int-twice"}, steps_of_deploy);
}

TEST_CASE("deploy: more ways of breaking every step", "[slow]") {
  break_every_step(Rig::Command::deploy, {"killed", "hang-after", "silent-after", "client-kill-after", "client-term-after", "client-int-after"}, steps_of_deploy);
}

TEST_CASE("rollback: whichever step fails, the end is told truly and the next run converges") {
  break_every_step(Rig::Command::rollback, {"fail"}, steps_of_rollback);
}

TEST_CASE("rollback: whichever step never ends, ^C ends it there, and the next run converges") {
  break_every_step(Rig::Command::rollback, {"hang"}, steps_of_rollback);
}

TEST_CASE("rollback: whichever step loses its connection, before or after its work, the next run converges") {
  break_every_step(Rig::Command::rollback, {"cut", "cut-after"}, steps_of_rollback);
}

TEST_CASE("rollback: at whichever step the server falls silent, the next run converges") {
  break_every_step(Rig::Command::rollback, {"silent"}, steps_of_rollback);
}

TEST_CASE("rollback: the client is killed at or after whichever step, and the next run converges") {
  break_every_step(Rig::Command::rollback, {"client-kill", "client-kill-after"}, steps_of_rollback);
}

TEST_CASE("rollback: TERM at whichever step is 130, and the next run converges") {
  break_every_step(Rig::Command::rollback, {"client-term"}, steps_of_rollback);
}

TEST_CASE("rollback: more ways of breaking every step", "[slow]") {
  break_every_step(Rig::Command::rollback, {"killed", "hang-after", "mute", "silent-after", "slay", "client-int-after", "client-int-twice"}, steps_of_rollback);
}

TEST_CASE("the way back of a deploy: whichever of its steps breaks, the end is told truly and the next run converges") {
  break_the_way_back(Rig::Command::deploy, {"fail", "cut"});
}

TEST_CASE("the way back of a rollback: whichever of its steps breaks, the end is told truly and the next one converges") {
  break_the_way_back(Rig::Command::rollback, {"cut-after"});
}

TEST_CASE("the way back: the client is killed at whichever of its steps, and the next run converges") {
  break_the_way_back(Rig::Command::deploy, {"client-kill"});
}

TEST_CASE("the way back of a deploy: more ways of breaking every step", "[slow]") {
  break_the_way_back(Rig::Command::deploy, {"cut-after", "mute", "killed", "slay", "silent", "client-kill-after", "client-int-twice"});
}

TEST_CASE("the way back of a rollback: more ways of breaking every step", "[slow]") {
  break_the_way_back(Rig::Command::rollback, {"fail", "cut", "mute", "killed", "slay", "silent", "client-kill", "client-kill-after", "client-int-twice"});
}
