// The k-th remote operation breaks, for every k, in a deploy and in a rollback to several hosts with hooks, and to a lone one without, whose
// steps go in the fewest rows: see tests/shim for what happens there, and tests/faults/rig.h for what is checked. In every run each step breaks
// in one of the ways that are least like each other, by turns, and the switch in each of them; all the others are slow (support/thorough.h).
#include <algorithm>
#include <set>
#include <sstream>

#include "faults/rig.h"
#include "support/catch.h"
#include "support/thorough.h"

using namespace kirikae::test;

namespace {

using Command = Rig::Command;
using Steps = std::vector<std::string>;

// What comes to a host, a line for each step: the rows of docs/design.md, "Few round trips". A row that is split, or that vanishes, is
// noticed here, so that no operation is left unbroken in silence. Every deploy of the rig prunes a release.
Steps steps_of(Command command, bool alone) {
  const std::string settle_rollback = "kk_guard kk_mark kk_mark kk_log kk_end_rollback";
  const std::string lock = "kk_lock kk_facts", publish = "kk_guard kk_publish", task = "kk_guard kk_task";
  const std::string settle = "kk_guard kk_mark kk_log", prune = "kk_guard kk_prune", seal = "kk_guard kk_seal", unlock = "kk_unlock";
  const std::string upload = "kk_guard kk_prepare kk_guard kk_receive kk_rebuild kk_guard kk_verify kk_link";
  if (command == Command::rollback) {
    if (alone) return {lock, publish + " " + settle_rollback + " " + unlock};
    return {lock, publish, task, settle_rollback};
  }
  if (alone) return {lock, upload + " " + seal, publish + " " + settle + " " + prune + " " + unlock};
  return {lock, upload, task, seal, publish, task, settle, prune};
}

// What of that is broken one by one: the steps, or of inner-… kinds what is called in them.
struct Operation {
  std::string text;
  std::size_t step;  // of which it is, or is a part
};

std::vector<Operation> operations_of(const Steps& steps, const std::string& kind) {
  std::vector<Operation> all;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!kind.starts_with("inner-")) {
      all.push_back({steps[i], i});
      continue;
    }
    std::istringstream words(steps[i]);
    for (std::string word; words >> word;) {
      if (word != "kk_guard") all.push_back({word, i});
    }
  }
  return all;
}

// How a run has to end where something broke at that operation and nothing of it can be in doubt for long: nothing is changed before the
// switch, all is taken back from there on, and a new release that serves everywhere stays.
void check_end(const std::string& kind, const std::vector<Operation>& operations, std::size_t k, std::size_t hosts, int status) {
  const auto names = [&](std::size_t index, const char* function) { return operations[index].text.find(function) != std::string::npos; };
  if (hosts == 1 && !kind.starts_with("inner-")) return;  // a row of all that
  const std::set<std::string> kinds{"fail", "killed", "cut", "cut-after", "mute", "inner-fail", "inner-killed", "inner-cut"};
  if (!kinds.contains(kind)) return;
  bool is_switched = false;
  for (std::size_t i = 0; i < k; ++i) is_switched = is_switched || names(i, "kk_publish");
  if (names(k, "kk_prune") || names(k, "kk_unlock")) {
    // In a row, the mark that tells of the records may be lost with the connection; then all is taken back.
    CHECK((status == 0 || (kind == "inner-cut" && hosts == 1 && status == 3)));
  } else if (is_switched) {
    CHECK(status == 3);
  } else if (names(k, "kk_publish")) {  // of a lone host it may be known that it was not switched
    CHECK(status == (kind == "inner-fail" && hosts == 1 ? 1 : 3));
  } else if (names(k, "kk_lock") || names(k, "kk_facts")) {
    CHECK(status == (kind.find("cut") != std::string::npos || kind == "mute" ? 5 : 1));  // did the host answer?
  } else {
    CHECK(status == 1);
  }
}

// Every operation breaks, on each host in turn; in a usual run every other one, in one of the ways: by the step that it is of, or by itself where
// all ways break parts of steps. The switch always does. `everywhere`: the lock, whose first host is locked alone, and the switch break on every host.
void break_every_step(Rig& rig, Command command, const std::vector<std::string>& kinds, bool everywhere) {
  const auto hosts = rig.world.hosts().size();
  const Steps steps = steps_of(command, hosts == 1);
  const bool only_parts = std::ranges::all_of(kinds, [](const std::string& kind) { return kind.starts_with("inner-"); });
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto& kind = kinds[i];
    const auto operations = operations_of(steps, kind);
    for (std::size_t k = 0; k < operations.size(); ++k) {
      const auto& text = operations[k].text;
      const bool switches = text.find("kk_publish") != std::string::npos;
      if (!is_thorough() && !switches && (only_parts ? k : operations[k].step) % (2 * kinds.size()) != 2 * i) continue;
      const bool decides = switches || text.find("kk_lock") != std::string::npos;
      for (std::size_t host = 0; host < hosts; ++host) {
        if (host != k % hosts && !(everywhere && decides)) continue;
        INFO(kind << " at " << text);
        REQUIRE(rig.run(command, host, static_cast<int>(k) + 1, kind));
        check_end(kind, operations, k, hosts, rig.status());
      }
    }
  }
  rig.check_nothing_runs();
}

void break_every_step(Command command, const std::vector<std::string>& kinds, bool everywhere = true, int hosts = 2) {
  Rig rig(hosts);
  break_every_step(rig, command, kinds, everywhere);
}

void break_every_step_alone(Command command, const std::vector<std::string>& kinds) {
  Rig rig(1, Rig::Hooks::none);
  break_every_step(rig, command, kinds, true);
}

// The same on the way back: the hook after the switch fails on one host, and the steps that follow are broken on another.
void break_the_way_back(Command command, const std::vector<std::string>& kinds) {
  Rig rig;
  const auto misbehave = [&] { rig.settings = {"mood=fail", "at=after_publish", "bad_host=127.0.0.2"}; };
  misbehave();
  REQUIRE_FALSE(rig.run(command, 0, 1000, "nothing"));
  const auto first = static_cast<std::size_t>(rig.steps_until_switch()) + 1;  // behind the switch and the hook
  const std::string records = command == Command::deploy ? "kk_guard kk_mark kk_log" : "kk_guard kk_mark kk_mark kk_log kk_end_rollback";
  const Steps way_back{"kk_guard kk_publish", "kk_guard kk_task", records};
  for (const std::size_t host : {0U, 2U}) REQUIRE(Steps(rig.steps(host).begin() + static_cast<std::ptrdiff_t>(first), rig.steps(host).end()) == way_back);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    for (std::size_t k = 0; k < way_back.size(); ++k) {
      if (!is_thorough() && k % kinds.size() != i) continue;
      misbehave();
      REQUIRE(rig.run(command, k % 2 == 0 ? 0 : 2, static_cast<int>(first + k) + 1, kinds[i]));
    }
  }
  rig.check_nothing_runs();
}

}  // namespace

TEST_CASE("a deploy and a rollback consist of these steps on every host, and of no others") {
  for (const int hosts : {1, 3}) {
    Rig rig(hosts, hosts == 1 ? Rig::Hooks::none : Rig::Hooks::usual);
    for (const auto command : {Command::deploy, Command::rollback}) {
      for (std::size_t host = 0; host < rig.world.hosts().size(); ++host) {
        INFO(hosts << " hosts, host " << host);
        if (host == 0) REQUIRE_FALSE(rig.run(command, 0, 1000, "nothing"));
        CHECK(rig.steps(host) == steps_of(command, hosts == 1));
      }
    }
  }
}

TEST_CASE("deploy to a lone host: whichever function of a row fails, or loses its connection, the end is told truly and the next run converges", "[slow]") {
  break_every_step_alone(Command::deploy, {"inner-fail", "inner-cut"});
}

TEST_CASE("deploy to a lone host: after whichever function of a row its shell is killed, the next run converges", "[slow]") {
  break_every_step_alone(Command::deploy, {"inner-killed"});
}

TEST_CASE("deploy to a lone host: after whichever row the connection is lost, the next run converges") {
  break_every_step_alone(Command::deploy, {"cut-after"});
}

TEST_CASE("rollback of a lone host: whichever function of a row fails, the end is told truly and the next one converges", "[slow]") {
  break_every_step_alone(Command::rollback, {"inner-fail"});
}

TEST_CASE("rollback of a lone host: wherever in a row its shell is killed or the connection is lost, the next one converges", "[slow]") {
  break_every_step_alone(Command::rollback, {"inner-killed", "inner-cut", "cut-after"});
}

TEST_CASE("a lone host: more ways of breaking every step", "[slow]") {
  for (const auto command : {Command::deploy, Command::rollback}) {
    break_every_step_alone(command, {"fail", "killed", "hang", "cut", "mute", "slay", "silent", "silent-after", "client-kill", "client-kill-after", "client-int",
                                     "client-int-after", "client-int-twice"});
  }
}

TEST_CASE("deploy: whichever step fails, or loses its client, the end is told truly and the next run converges") {
  break_every_step(Command::deploy, {"inner-fail", "client-kill"}, is_thorough());
}

TEST_CASE("deploy: whichever step never ends, ^C ends it there, and the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"hang"});
}

TEST_CASE("deploy: whichever step is lost on the way with its connection, the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"cut"});
}

TEST_CASE("deploy: whichever step loses its connection when its work is done, the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"cut-after"});
}

TEST_CASE("deploy: whichever step loses its status, the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"mute"}, false);
}

TEST_CASE("deploy: at whichever step the server falls silent, the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"silent"}, false);
}

TEST_CASE("deploy: at whichever step all processes of a host's connection are killed, the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"slay"}, false);
}

TEST_CASE("deploy: INT at whichever step is 130: nothing is changed before the switch, all is taken back after it", "[slow]") {
  break_every_step(Command::deploy, {"client-int"}, false);
}

TEST_CASE("deploy: a second signal at whichever step stops at once, and the next run converges", "[slow]") {
  break_every_step(Command::deploy, {"client-int-twice"}, false);
}

TEST_CASE("deploy: more ways of breaking every step", "[slow]") {
  break_every_step(Command::deploy, {"fail", "killed", "mute", "slay", "inner-killed", "inner-cut", "hang-after", "silent", "silent-after", "client-kill-after", "client-term-after", "client-int-after"}, true, 3);
}

TEST_CASE("rollback: whichever step fails, or loses its connection, the end is told truly and the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"inner-fail", "cut"}, is_thorough());
}

TEST_CASE("rollback: whichever step never ends, ^C ends it there, and the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"hang"}, false);
}

TEST_CASE("rollback: whichever step loses its connection when its work is done, the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"cut-after"}, false);
}

TEST_CASE("rollback: at whichever step the server falls silent, the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"silent"}, false);
}

TEST_CASE("rollback: the client is killed at or after whichever step, and the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"client-kill", "client-kill-after"}, false);
}

TEST_CASE("rollback: TERM at whichever step is 130, and the next run converges", "[slow]") {
  break_every_step(Command::rollback, {"client-term"}, false);
}

TEST_CASE("rollback: more ways of breaking every step", "[slow]") {
  break_every_step(Command::rollback, {"fail", "killed", "hang", "cut-after", "inner-killed", "inner-cut", "hang-after", "mute", "silent", "silent-after", "slay", "client-int-after", "client-int-twice"}, true, 3);
}

TEST_CASE("the way back of a deploy: whichever of its steps breaks, the end is told truly and the next run converges", "[slow]") {
  break_the_way_back(Command::deploy, {"fail", "cut"});
}

TEST_CASE("the way back of a rollback: whichever of its steps breaks, the end is told truly and the next one converges", "[slow]") {
  break_the_way_back(Command::rollback, {"cut-after"});
}

TEST_CASE("the way back: the client is killed at whichever of its steps, and the next run converges", "[slow]") {
  break_the_way_back(Command::deploy, {"client-kill"});
}

TEST_CASE("the way back of a deploy: more ways of breaking every step", "[slow]") {
  break_the_way_back(Command::deploy, {"cut-after", "mute", "killed", "slay", "silent", "client-kill-after", "client-int-twice"});
}

TEST_CASE("the way back of a rollback: more ways of breaking every step", "[slow]") {
  break_the_way_back(Command::rollback, {"fail", "cut", "mute", "killed", "slay", "silent", "client-kill", "client-kill-after", "client-int-twice"});
}
