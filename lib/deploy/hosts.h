// The beginning of every verb: all hosts connected at the same time, and what each says about itself.
#pragma once

#include <optional>
#include <vector>

#include "deploy/deploy.h"
#include "plan/plan.h"
#include "runner/emitter.h"
#include "runner/task_group.h"

namespace kirikae::deploy {

struct OpenedHosts {
  std::vector<plan::HostFacts> hosts;                // as in the request; facts are empty where there is an error
  std::vector<std::optional<Error>> errors;          // likewise
  [[nodiscard]] std::vector<Error> all_errors() const;
  [[nodiscard]] std::vector<plan::HostFacts> answered() const;  // those without an error
};
// Emits the connect phase. Each host's session stays in the group.
OpenedHosts open_hosts(const Request& request, const Surroundings& with, runner::TaskGroup& group, const runner::Emitter& emit);

}  // namespace kirikae::deploy
