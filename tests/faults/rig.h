// Rig: hosts with shims and hooks, for runs in which something breaks at a chosen step of a chosen host. After each run it
// checks that what the run says is what is there, that every invariant holds, and that the same command once more converges.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "support/farm.h"

namespace kirikae::test {

// What `deploy status` says, against the disks: whatever has happened, it tells the truth and changes nothing.
void check_status(const World& world);

class Rig {
 public:
  enum class Command { deploy, rollback };
  // Where bin/hook runs: nowhere; at build and after_publish; at every point between upload and prune.
  enum class Hooks { none, usual, all };

  // `first` is done before the first deploy.
  explicit Rig(int hosts = 3, Hooks hooks = Hooks::usual, const std::function<void(World&)>& first = {});

  // A fault at the `nth` step of host `host`. Returns false where the run had no such step; then it went well.
  bool run(Command command, std::size_t host, int nth, const std::string& kind);

  // The parts of run(), for tests that do something else in between. prepare() makes something to do: a new version to deploy, or a
  // release to go back from.
  void prepare(Command command);
  [[nodiscard]] std::vector<std::string> arguments(Command command) const;
  // What the run says of each host, and its exit status, against the disks.
  void check_truth(const Ran& ran, bool crashed) const;
  // What `deploy releases` says, against the disks.
  void check_releases() const;
  // The same command again, if it is needed, and everything is well. done_but_broken: it may have left the lock of a dead holder.
  enum class End { done, done_but_broken, not_done };
  void check_convergence(Command command, End end);

  // Of the last run(): what came to each host (World::steps), its exit status; and on its host, which step, from 1, was the switch.
  [[nodiscard]] const std::vector<std::string>& steps(std::size_t host) const { return steps_.at(host); }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] int steps_until_switch() const { return switch_step_; }
  // Once all runs have ended, so have all processes that they have started on hosts.
  void check_nothing_runs() const;

  World world;
  // --set for the next run, until one has converged: `mood`, `at`, `bad_host` and `limit` of the hooks.
  std::vector<std::string> settings;

 private:
  void must_stay(const std::string& id) const;

  Hooks hooks_;
  int version_ = 0;
  int switch_step_ = 0, status_ = 0;
  std::vector<std::vector<std::string>> steps_;
  bool crashed_before_ = false;  // the run at hand follows on one that may have left anything
  std::string before_, target_;  // release ids: live before the run; what a rollback goes to
};

}  // namespace kirikae::test
