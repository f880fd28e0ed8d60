// Hooks that misbehave on one of two hosts: each fails the run where it should, is ended with all it has started, and the next run
// converges.
#include <csignal>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/memory.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Bytes that the noisy hook says on each of its streams. By ThreadSanitizer a MB takes two seconds.
#if defined(__SANITIZE_THREAD__)
constexpr int loud = 5'000'000;
#else
constexpr int loud = 50'000'000;
#endif

// `command` with the second host's hook in that mood at that point. Exit status 1 is wanted before the switch, 3 after it.
Ran misbehave(Rig& rig, Rig::Command command, const std::string& mood, const std::string& at, const std::string& limit = "5m") {
  rig.prepare(command);
  rig.settings = {"mood=" + mood, "at=" + at, "bad_host=127.0.0.2", "limit=" + limit, "loud=" + std::to_string(loud)};
  const Ran ran = rig.world.deploy(rig.arguments(command));
  INFO(mood << " at " << at << ": " << ran);
  rig.check_truth(ran, false);
  rig.check_releases();
  check_status(rig.world);
  CHECK(ran.status == (mood == "good-daemon" ? 0 : at == "build" ? 1 : 3));
  CHECK(ran.peak_kilobytes < memory_limit(100'000));
  return ran;
}

void stop_daemon(const Rig& rig) {
  const auto pid = static_cast<pid_t>(std::stol(rig.world.host(1).read("shared/daemon")));
  CHECK(::kill(pid, SIGKILL) == 0);  // it has outlived the run
}

// What may be done where in a run: a rollback has no build hook.
using Place = std::pair<Rig::Command, std::string>;

std::vector<Place> places() {
  return {{Rig::Command::deploy, "build"}, {Rig::Command::deploy, "after_publish"}, {Rig::Command::rollback, "after_publish"}};
}

// Both moods at all of them; in a usual run, by turns.
std::vector<std::pair<Place, std::string>> with_moods(const std::string& one, const std::string& other) {
  std::vector<std::pair<Place, std::string>> all;
  for (const auto& place : places()) {
    const bool turn = all.size() % 2 == 0;
    if (is_thorough() || turn) all.emplace_back(place, one);
    if (is_thorough() || !turn) all.emplace_back(place, other);
  }
  return all;
}

}  // namespace

TEST_CASE("a hook that hangs is ended by its limit, wherever it runs, and the next run converges", "[slow]") {
  Rig rig(2);
  for (const auto& [command, at] : some_of(places(), 2)) {
    const std::string mood = at == "build" ? "deaf" : "hang";
    const Ran ran = misbehave(rig, command, mood, at, "1s");
    INFO(ran);
    CHECK_THAT(ran.err, ContainsSubstring("took longer than 1.") && ContainsSubstring("it was ended there"));
    rig.check_convergence(command, Rig::End::not_done);
  }
  rig.check_nothing_runs();
}

TEST_CASE("a hook that a signal kills, or that fails, fails the run, wherever it runs, and the next run converges", "[slow]") {
  Rig rig(2);
  for (const auto& [place, mood] : with_moods("signal", "fail")) {
    const auto& [command, at] = place;
    const Ran ran = misbehave(rig, command, mood, at);
    INFO(ran);
    CHECK_THAT(ran.err, ContainsSubstring(mood == "signal" ? "ended with status 137 (as by signal KILL)" : "ended with status 3"));
    rig.check_convergence(command, Rig::End::not_done);
  }
  rig.check_nothing_runs();
}

TEST_CASE("a hook that prints 100 MB before it fails is a failure like any other, wherever it runs", "[slow]") {
  Rig rig(2);
  for (const auto& [command, at] : places()) {
    const Ran ran = misbehave(rig, command, "noisy", at);
    CHECK_THAT(ran.err.substr(0, 2000), ContainsSubstring("ended with status 3"));
    rig.check_convergence(command, Rig::End::not_done);
  }
  rig.check_nothing_runs();
}

TEST_CASE("a daemon that holds a hook's output open holds nothing up: not the deploy, not the way back, not the lock", "[slow]") {
  Rig rig(2);
  for (const auto& [place, mood] : with_moods("daemon", "good-daemon")) {
    const auto& [command, at] = place;
    const Ran ran = misbehave(rig, command, mood, at);
    INFO(ran);
    CHECK(ran.seconds < 30);
    stop_daemon(rig);
    rig.check_convergence(command, mood == "daemon" ? Rig::End::not_done : Rig::End::done);
  }
  rig.check_nothing_runs();
}
