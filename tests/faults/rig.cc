#include "faults/rig.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <sstream>

#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

using Catch::Matchers::ContainsSubstring;

// As few releases as can be, so that every deploy prunes.
const char* const recipe_without_hooks = "keep_releases: 1\nshared: {directories: [log]}\n";

const char* const recipe = R"(keep_releases: 2
shared: {directories: [log]}
vars: {mood: calm, at: nowhere, bad_host: none, limit: 5m, loud: 50000000}
tasks:
  build: {run: 'echo "$RELEASE" >built; exec sh bin/hook build', timeout: "${limit}"}
  restart: {run: 'echo "$RELEASE" >"$SHARED_PATH/running"; exec sh bin/hook after_publish', timeout: "${limit}"}
hooks: {build: build, after_publish: restart}
)";

// More points at which the hook may misbehave.
std::string with_all_hooks() {
  std::string text = recipe, tasks, hooks;
  for (const std::string point : {"after_upload", "after_link", "before_publish", "before_prune"}) {
    tasks += "  " + point + ": 'exec sh bin/hook " + point + "'\n";
    hooks += ", " + point + ": " + point;
  }
  text.insert(text.find("hooks:"), tasks);
  return text.insert(text.find("}\n", text.find("hooks:")), hooks);
}

// A hook that misbehaves on one host, at one point, but never on the way back.
const char* const hook = R"sh([ "$1" = "$at" ] && [ "$HOST" = "$bad_host" ] && [ "$DEPLOY_ACTION" != undo ] || exit 0
case $mood in
  hang) sleep 900 ;;
  deaf) trap "" TERM INT HUP; while :; do sleep 1; done ;;
  signal) kill -KILL $$ ;;
  fail) exit 3 ;;
  noisy) head -c "$loud" /dev/zero | tr "\\0" x; yes "$(printf %0200d 7)" | head -c "$loud" >&2; exit 3 ;;
  daemon) sleep 60 & echo $! >"$SHARED_PATH/daemon"; exit 3 ;;
  good-daemon) sleep 60 & echo $! >"$SHARED_PATH/daemon" ;;
  slow) sleep 0.5 ;;
  fill) head -c 50000000 /dev/zero >"$SHARED_PATH/filler" || : ;;
  fill-inodes) mkdir "$SHARED_PATH/filler"; i=0; while true >"$SHARED_PATH/filler/$i"; do i=$((i + 1)); done || : ;;
esac
)sh";

// A line of the table at the end, by the places of its heads.
struct Row {
  std::string state, release;
};

std::map<std::string, Row> table_of(const Ran& ran, const World& world) {
  std::map<std::string, Row> rows;
  std::istringstream lines(ran.out);
  std::size_t state = std::string::npos, release = state;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("host ") && line.find(" state ") != std::string::npos) {
      state = line.find("state ");
      release = line.find("release ", state);
      continue;
    }
    if (state == std::string::npos) continue;
    for (const auto& host : world.hosts()) {
      if (!line.starts_with(host.name() + " ")) continue;
      const auto cell = [&](std::size_t from, std::string_view end) {
        return from >= line.size() ? std::string() : line.substr(from, line.find(end, from) - from);
      };
      rows[host.name()] = {cell(state, "  "), cell(release, " ")};
    }
  }
  return rows;
}

// What a run may end with that was broken once on one host and could go on, or connect anew, from there: everything was done, nothing was
// changed, or all was taken back. None leaves anything to a person.
void check_exit_status(const std::string& kind, int status, bool crashed, const std::string& hung) {
  const std::set<std::string> can_go_on{"fail", "killed", "cut", "cut-after", "mute", "slay", "inner-fail", "inner-killed", "inner-cut"};
  if (can_go_on.contains(kind)) {
    const std::set<int> known{0, 1, 3, 5};
    REQUIRE(known.contains(status));
  }
  // A prune that was stopped is told as a warning: all is done but for what nobody needs (Runner::run_steps).
  if (kind.starts_with("hang") && !crashed) REQUIRE(status == (hung.find("kk_prune") != std::string::npos ? 0 : 130));
}

}  // namespace

Rig::Rig(int hosts, Hooks hooks, const std::function<void(World&)>& first) : world({.hosts = hosts, .shims = true}), hooks_(hooks) {
  if (first) first(world);
  for (const auto& host : world.hosts()) {
    host.write("shared/log/kept", "kept\n");
    REQUIRE(run_program({"/bin/sh", "-c", "cd \"$1/shared\" && sha256sum log/kept >SUMS", "sh", host.tree().string()})
                .status == 0);
  }
  world.write_recipe(hooks == Hooks::none ? recipe_without_hooks : hooks == Hooks::all ? with_all_hooks() : recipe);
  for (int i = 0; i < 2; ++i) prepare(Command::rollback);
}

std::vector<std::string> Rig::arguments(Command command) const {
  std::vector<std::string> words{"production", "--set", "ssh.keepalive=1s", "--set", "ssh.connect_timeout=5s"};
  for (const auto& setting : settings) words.insert(words.end(), {"--set", setting});
  if (command == Command::rollback) words.insert(words.begin(), "rollback");
  return words;
}

void Rig::prepare(Command command) {
  world.write_app(std::to_string(++version_));
  world.write("app/bin/hook", hook);
  world.write_manifest();
  target_ = world.host(0).live();
  if (command == Command::rollback) {
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
  }
  before_ = world.host(0).live();
  crashed_before_ = false;
  for (const auto& host : world.hosts()) REQUIRE(host.live() == before_);
  if (!target_.empty()) must_stay(command == Command::deploy ? before_ : target_);
}

// From now on the observer wants that release on every host, good and as it is now: it is what a rollback would go to, or goes to.
void Rig::must_stay(const std::string& id) const {
  for (const auto& host : world.hosts()) {
    const ProgramEnd end = run_program({"/bin/sh", "-ec",
                                        "stays=$1/shared/STAYS; cd \"$1/releases/$2\"; { echo \"$2\"; find . -printf '%p %y %m %l\\n' | sort; "
                                        "find . -type f -exec sha256sum {} + | sort; } >\"$stays\"",
                                        "sh", host.tree().string(), id});
    INFO(end.output);
    REQUIRE(end.status == 0);
  }
}

void Rig::check_truth(const Ran& ran, bool crashed) const {
  INFO(ran);
  REQUIRE(world.broken_invariants(true).empty());
  if (crashed) return;
  const auto rows = table_of(ran, world);
  std::set<std::string> lives;
  bool undone = false;
  for (const auto& host : world.hosts()) {
    INFO(host.name());
    lives.insert(host.live());
    REQUIRE(rows.contains(host.name()));
    const Row& row = rows.at(host.name());
    undone = undone || row.state == "undone";
    if (row.state == "unknown") {
      REQUIRE(ran.status == 6);
    } else if (row.state == "unchanged" || row.state == "undone") {
      REQUIRE(host.live() == before_);
      if (!row.release.empty()) REQUIRE(row.release == before_);
    } else {
      REQUIRE(row.release == host.live());
      if (!crashed_before_) REQUIRE(host.live() != before_);
    }
    if (ran.status == 1 || ran.status == 4 || ran.status == 5) REQUIRE(row.state == "unchanged");
    if (ran.status == 0) REQUIRE((row.state == "switched" || row.state == "already there"));
    // The hook after the switch has run for what is live now.
    if (ran.status != 6 && hooks_ != Hooks::none) REQUIRE(host.read("shared/running") == host.live() + "\n");
  }
  const std::set<int> known{0, 1, 3, 5, 6, 130};
  REQUIRE(known.contains(ran.status));
  if (lives.size() > 1) REQUIRE(ran.status == 6);
  if (ran.status == 3) REQUIRE(undone);
  if (ran.status == 6) REQUIRE_THAT(ran.err, ContainsSubstring("what to do:"));
}

void Rig::check_releases() const {
  const Ran ran = world.deploy({"releases", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    for (const auto& id : host.releases()) {
      if (id.starts_with('.')) continue;
      INFO(host.name() << " has " << id << ", " << host.state(id));
      std::istringstream lines(ran.out);
      bool found = false;
      for (std::string line; std::getline(lines, line);) {
        found = found || (line.starts_with(id) && line.find(' ' + host.state(id) + ' ') != std::string::npos &&
                          (host.live() != id || line.find("live on ") != std::string::npos));
      }
      REQUIRE(found);
    }
  }
}

void check_status(const World& world) {
  Ran ran;
  // What a host had been sent before its connection broke may still be at work.
  const bool quiet = eventually(
      [&] {
        ran = world.deploy({"status", "production", "--exit-code"});
        return ran.out.find("a run is at work") == std::string::npos;
      },
      std::chrono::seconds(60));
  INFO(ran);
  REQUIRE(quiet);
  std::set<std::string> lives;
  bool in_order = true;
  for (const auto& host : world.hosts()) {
    lives.insert(host.live());
    // A rollback that died before its switch has changed nothing, though it has said already what it would leave, and for what.
    const std::string note = host.exists(".kirikae/rollback") ? host.read(".kirikae/rollback") : "";
    in_order = in_order && host.state(host.live()) == "good" && !host.exists(".kirikae/lock") && !note.ends_with(' ' + host.live() + '\n');
    for (const auto& id : host.releases()) {
      const std::string state = host.state(id);
      in_order = in_order && state != "preparing" && (state != "ready" || id < host.live());
    }
  }
  for (const auto& id : lives) REQUIRE_THAT(ran.out, ContainsSubstring("\n" + id));
  in_order = in_order && lives.size() == 1;
  if (!in_order) REQUIRE(ran.status == 1);
  // A run may have died between its last record and its line in the log; or gone back, with a task that failed on the way.
  if (in_order && ran.status != 0) {
    REQUIRE_THAT(ran.out, ContainsSubstring("was changed by something else") || ContainsSubstring("its after_publish tasks have failed"));
  }
}

void Rig::check_convergence(Command command, End end) {
  if (end == End::not_done) {
    settings.clear();
    crashed_before_ = true;
    const std::string live = world.host(0).live();
    // Where the run has come to its end, though nobody heard of it, the next deploy leaves that one's release.
    if (command == Command::deploy && std::ranges::all_of(world.hosts(), [&](const auto& host) {
          return host.live() == live && host.state(live) == "good";
        })) {
      must_stay(live);
    }
    const Ran again = world.deploy(arguments(command));
    INFO("again: " << again);
    REQUIRE(again.status == 0);
    check_truth(again, false);
    if (command == Command::deploy) REQUIRE(world.host(0).version() == std::to_string(version_));
  }
  settings.clear();
  const std::string live = world.host(0).live();
  if (command == Command::rollback) REQUIRE(live == target_);
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == live);
    REQUIRE(host.state(live) == "good");
    if (hooks_ != Hooks::none) REQUIRE(host.read("shared/running") == live + "\n");
  }
  REQUIRE(world.broken_invariants(end == End::done_but_broken).empty());
}

void Rig::check_nothing_runs() const {
  const bool quiet = eventually([&] { return world.sshd().session_processes().empty(); }, std::chrono::seconds(60));
  std::string left;
  for (const pid_t pid : world.sshd().session_processes()) left += std::to_string(pid) + ' ' + process_name(pid) + '\n';
  INFO("still there: " << left);
  REQUIRE(quiet);
}

bool Rig::run(Command command, std::size_t host, int nth, const std::string& kind) {
  INFO((command == Command::deploy ? "deploy, " : "rollback, ") << kind << " at step " << nth << " of host " << host);
  prepare(command);
  world.break_at(host, nth, kind);
  Running running = world.start(arguments(command));
  bool crashed = kind.starts_with("client-kill") || kind.starts_with("client-int-twice");
  if (kind.starts_with("hang")) {
    REQUIRE(eventually([&] { return world.has_broken(host) || running.has_ended(); }, std::chrono::seconds(60)));
    running.signal(SIGINT);
    // A switch, and the records that belong to it, are not interrupted but by a second one; nor is the way back.
    const auto came = world.steps(host);
    const std::string hangs = came.empty() ? "" : came.back();
    const bool holds = !settings.empty() || hangs.find("kk_publish") != std::string::npos || hangs.find("kk_mark") != std::string::npos;
    const bool ended = eventually([&] { return running.has_ended(); }, std::chrono::seconds(settings.empty() && holds ? 2 : holds ? 8 : 30));
    if (settings.empty()) REQUIRE(ended == (!holds || !world.has_broken(host)));
    if (!ended) {
      running.signal(SIGINT);
      crashed = true;
    }
  }
  const Ran ran = running.wait();
  status_ = ran.status;
  INFO(ran);
  const bool broken = world.has_broken(host);
  steps_.clear();
  for (std::size_t i = 0; i < world.hosts().size(); ++i) steps_.push_back(world.steps(i));
  const auto& steps = steps_.at(host);
  const auto is_switch = [](const std::string& step) { return step.find("kk_publish") != std::string::npos; };
  switch_step_ = static_cast<int>(std::ranges::find_if(steps, is_switch) - steps.begin()) + 1;
  world.break_at(host, 0, "nothing");
  INFO("the last step there: " << (steps.empty() ? "none" : steps.back()));
  if (kind.starts_with("silent")) world.sshd().kill_sessions();
  REQUIRE(ran.seconds < 100);
  if (!broken && settings.empty()) REQUIRE(ran.status == 0);
  if (broken && settings.empty()) check_exit_status(kind, ran.status, crashed, steps.empty() ? "" : steps.back());
  const bool asked_to_stop = kind.starts_with("client-int") || kind.starts_with("client-term");
  if (broken && asked_to_stop && settings.empty()) REQUIRE((ran.status == 130 || (ran.status == 0 && world.host(0).live() != before_)));
  if (broken && kind.starts_with("client-kill")) REQUIRE(ran.status == 128 + SIGKILL);
  check_truth(ran, crashed && ran.status != 0);
  check_releases();
  check_status(world);
  // A rollback that has ended everywhere, though nobody heard of it, would go further back.
  const bool rolled_back = command == Command::rollback && std::ranges::all_of(world.hosts(), [&](const auto& each) {
    return each.live() == target_ && !each.exists(".kirikae/rollback");
  });
  const bool done = ran.status == 0 || rolled_back || (ran.status == 130 && !crashed && world.host(0).live() != before_);
  check_convergence(command, !done ? End::not_done : broken ? End::done_but_broken : End::done);
  return broken;
}

}  // namespace kirikae::test
