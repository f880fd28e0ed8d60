// The status of a stage: what each host runs, since when and by whom, and what is not as it should be. Pure.
#pragma once

#include <string>
#include <vector>

#include "plan/audit.h"
#include "plan/plan.h"

namespace kirikae::plan {

struct HostStatus {
  inventory::Host host;
  release::Facts facts;
  HostLog log;  // its end
};

struct Status {
  std::string text;
  // Every host runs one release, the same, which is good and was switched to by us; nothing is unfinished, no dead run's lock is
  // left, nothing is frozen. What a run that lives is busy with does not count.
  bool in_order = true;
};
// `unreached`: hosts of the selection that could not be read; the errors name them.
Status status_of(const recipe::Recipe& recipe, const std::vector<HostStatus>& hosts, std::size_t unreached);

}  // namespace kirikae::plan
