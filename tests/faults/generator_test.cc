// Faults at random: host, step, kind, command and what the hooks do, from a seed that is printed. Each seed stands for one run.
//
//   ctest --test-dir build/dev -R 'faults: faults at random' -V       (it is [slow])
//   KIRIKAE_FAULT_RUNS=500 …                                          so many runs instead of 60
//   KIRIKAE_FAULT_SEED=1234 KIRIKAE_FAULT_RUNS=1 …                    that one again
#include <iostream>
#include <random>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/dice.h"

using namespace kirikae::test;

namespace {

const std::vector<std::string> kinds = {"fail",        "killed",       "hang",       "hang-after",        "cut",
                                        "cut-after",   "silent",       "slay",       "silent-after",      "mute",
                                        "client-kill", "client-int",   "client-term", "client-kill-after", "client-int-after",
                                        "client-term-after", "client-int-twice", "inner-fail", "inner-killed", "inner-cut"};
const std::vector<std::string> moods = {"calm", "calm", "slow", "fail", "signal", "hang", "deaf"};

}  // namespace

TEST_CASE("faults at random: whatever breaks wherever, every invariant holds and the next run converges", "[slow]") {
  const auto first = number_from("KIRIKAE_FAULT_SEED", std::random_device{}() % 1'000'000'000);
  const auto runs = number_from("KIRIKAE_FAULT_RUNS", 60);
  Rig rig;
  for (auto seed = first; seed < first + runs; ++seed) {
    Dice dice(seed);
    const auto command = dice.below(3) == 0 ? Rig::Command::rollback : Rig::Command::deploy;
    const auto host = dice.below(3);
    const int step = 1 + static_cast<int>(dice.below(command == Rig::Command::deploy ? 13 : 8));
    const std::string& kind = dice.pick(kinds);
    const std::string& mood = dice.pick(moods);
    const std::string at = dice.below(2) == 0 ? "build" : "after_publish";
    const std::string bad_host = "127.0.0." + std::to_string(1 + dice.below(3));
    std::cout << "seed " << seed << ": " << (command == Rig::Command::deploy ? "deploy, " : "rollback, ") << kind << " at step " << step
              << " of host " << host << "; hook " << mood << " at " << at << " on " << bad_host << std::endl;
    INFO("seed " << seed);
    if (mood != "calm") rig.settings = {"mood=" + mood, "at=" + at, "bad_host=" + bad_host, "limit=3s"};
    rig.run(command, host, step, kind);
    rig.settings.clear();
  }
  rig.check_nothing_runs();
}
