// The beginning of every verb: all hosts connected at the same time, locked where the verb writes, and what each says about itself.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "deploy/deploy.h"
#include "deploy/lock.h"
#include "plan/plan.h"
#include "runner/emitter.h"
#include "runner/task_group.h"

namespace kirikae::deploy {

struct OpenedHosts {
  std::vector<plan::HostFacts> hosts;                // as in the request; facts are empty where there is an error
  std::vector<std::optional<Error>> errors;          // likewise
  std::vector<double> seconds;                       // likewise: that each took, without its waits for others
  [[nodiscard]] bool any_error() const;
  [[nodiscard]] std::vector<Error> all_errors() const;
  [[nodiscard]] std::vector<plan::HostFacts> answered() const;  // those without an error
};
// Emits the connect phase. Each host's session stays in the group, and with it the lock, until the session is closed. Where one host
// can't be connected, none is locked: the run can't begin, but it shall know everything that is in its way.
// `payload`: one will be sent, so the way for it is made ready meanwhile. `ready` is asked when each host is connected or has failed: where
// it says no, none is locked or asked anything.
OpenedHosts open_hosts(const Request& request, const Surroundings& with, runner::TaskGroup& group, const runner::Emitter& emit,
                       const std::optional<LockWish>& lock, bool payload = false,
                       const std::function<bool(const OpenedHosts&)>& ready = {});

}  // namespace kirikae::deploy
