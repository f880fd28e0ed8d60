// Faults at random: host, step, kind, command and what the hooks do, from a seed that is printed. Each seed stands for one run.
//
//   ctest --test-dir build/dev -R 'faults: faults at random' -V       (it is [slow])
//   KIRIKAE_FAULT_RUNS=500 …                                          so many runs instead of 60
//   KIRIKAE_FAULT_SEED=1234 KIRIKAE_FAULT_RUNS=1 …                    that one again
#include <cstdlib>
#include <iostream>
#include <random>

#include "faults/rig.h"
#include "support/catch.h"

using namespace kirikae::test;

namespace {

unsigned long number_from(const char* variable, unsigned long otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoul(text, nullptr, 10) : otherwise;
}

struct Draw {
  explicit Draw(unsigned long seed) : random(static_cast<std::mt19937::result_type>(seed)) {}
  // std::uniform_int_distribution differs between libraries; a seed must mean the same everywhere.
  unsigned long below(unsigned long limit) { return random() % limit; }
  template <class T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
  std::mt19937 random;
};

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
    Draw draw(seed);
    const auto command = draw.below(3) == 0 ? Rig::Command::rollback : Rig::Command::deploy;
    const auto host = draw.below(3);
    const int step = 1 + static_cast<int>(draw.below(command == Rig::Command::deploy ? 13 : 8));
    const std::string& kind = draw.of(kinds);
    const std::string& mood = draw.of(moods);
    const std::string at = draw.below(2) == 0 ? "build" : "after_publish";
    const std::string bad_host = "127.0.0." + std::to_string(1 + draw.below(3));
    std::cout << "seed " << seed << ": " << (command == Rig::Command::deploy ? "deploy, " : "rollback, ") << kind << " at step " << step
              << " of host " << host << "; hook " << mood << " at " << at << " on " << bad_host << std::endl;
    INFO("seed " << seed);
    if (mood != "calm") rig.settings = {"mood=" + mood, "at=" + at, "bad_host=" + bad_host, "limit=3s"};
    rig.run(command, host, step, kind);
    rig.settings.clear();
  }
  rig.check_nothing_runs();
}
