// The beginning of every verb: all hosts connected at the same time, locked where the verb writes, and what each says about itself.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/secret_set.h"
#include "deploy/deploy.h"
#include "deploy/lock.h"
#include "plan/plan.h"
#include "runner/emitter.h"
#include "runner/task_group.h"

namespace kirikae::deploy {

struct OpenedHosts {
  std::vector<plan::HostFacts> hosts;                // as in the request; facts are empty where there is an error, and where none were read
  std::vector<std::optional<Error>> errors;          // likewise
  std::vector<double> seconds;                       // likewise: that each took, without its waits for others
  [[nodiscard]] bool any_error() const;
  [[nodiscard]] std::vector<Error> all_errors() const;
  [[nodiscard]] std::vector<plan::HostFacts> answered() const;  // those whose facts were read; only they may be judged
};
// Emits the connect phase. Each host's session stays in the group, and with it the lock, until the session is closed. Where one host
// can't be connected, none is locked: the run can't begin, but it shall know everything that is in its way.
// `payload`: one will be sent, so the way for it is made ready meanwhile. `ready` is asked when each host is connected or has failed: where
// it says no, none is locked or asked anything.
OpenedHosts open_hosts(const Request& request, const Surroundings& with, runner::TaskGroup& group, const runner::Emitter& emit,
                       const std::optional<LockWish>& lock, bool payload = false,
                       const std::function<bool(const OpenedHosts&)>& ready = {});

// All that keeps a run from beginning, in one list: why hosts can't be had, and `more`, but nothing else of those hosts.
std::vector<Error> problems_of(const OpenedHosts& opened, std::vector<Error> more);
// The same with what is wrong with the plan for all of them: hosts that can't run its tasks, or why there is none. `secrets`: as plan::task_problems().
std::vector<Error> problems_of(const OpenedHosts& opened, std::vector<Error> preflight, const Result<plan::Plan>& plan,
                               const SecretSet* secrets);

}  // namespace kirikae::deploy
