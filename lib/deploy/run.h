// Run: what all verbs of the deploy layer share: the events around a run, its early ends, and its report.
#pragma once

#include <string>
#include <vector>

#include "deploy/deploy.h"
#include "deploy/hosts.h"
#include "plan/plan.h"
#include "plan/preflight.h"
#include "runner/emitter.h"
#include "runner/runner.h"

namespace kirikae::deploy {

std::vector<std::string> names_of(const std::vector<inventory::Host>& hosts);

class Run {
 public:
  // Emits RunStarted, and the warning about hosts that were not selected.
  Run(const Request& request, const Surroundings& with, std::string verb);

  [[nodiscard]] const runner::Emitter& emit() const { return emit_; }

  // Equal remarks of several hosts are one warning. One without a host concerns the run as a whole.
  void tell(const std::vector<plan::Remark>& remarks) const;
  // What the run wants the hosts' lock for.
  [[nodiscard]] LockWish lock() const;
  // `before_connect`: tasks of this machine, before any host is connected.
  [[nodiscard]] Result<std::vector<plan::Round>> before_connect_rounds() const;
  Result<void> before_connect();
  // Carries out a plan and everything that follows from its end.
  event::Report carry_out(const plan::Plan& plan, const OpenedHosts& opened, runner::TaskGroup& group, runner::Payloads* payloads);
  // The run ends before anything was written: `errors` of hosts (Error::host) and of the run.
  event::Report end_early(const std::vector<Error>& errors, const OpenedHosts& opened = {});
  // The same where hosts have been written to: who can't be reached any more is no reason for `unreachable`. `left`: what was written stays on some.
  event::Report end_midway(const std::vector<Error>& errors, const OpenedHosts& opened, bool left);
  // It went well without anything to carry out.
  event::Report end_well(const OpenedHosts& opened, event::HostEnd end);
  // For a verb that has its own way: a report of all hosts without errors, and the event that ends the run.
  [[nodiscard]] event::Report blank(const OpenedHosts& opened, event::HostEnd end) const;
  event::Report finish(event::Report report);

 private:
  [[nodiscard]] event::Report failed_report(const std::vector<Error>& errors, const OpenedHosts& opened) const;
  void local_failed_hooks();
  Result<std::unique_ptr<ssh::Transport>> reconnect(std::size_t host) const;
  Result<std::unique_ptr<ssh::Transport>> connect_anew(std::size_t host, Deadline until) const;

  const Request& request_;
  const Surroundings& with_;
  const std::string token_;  // of the lock
  std::string verb_;
  runner::Emitter emit_;
};

}  // namespace kirikae::deploy
