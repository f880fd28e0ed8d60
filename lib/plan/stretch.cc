#include "plan/stretch.h"

#include <algorithm>

namespace kirikae::plan {
namespace {

template <class What>
bool has(const Round& round) {
  return std::any_of(round.hosts.begin(), round.hosts.end(), [](const HostSteps& work) {
    return std::any_of(work.steps.begin(), work.steps.end(), [](const Step& step) { return std::holds_alternative<What>(step); });
  });
}

// A release that is live before the run is what its way back leads to, until all hosts' records are settled.
bool prunes_what_was_live(const Plan& plan, const Round& round) {
  for (const HostSteps& work : round.hosts) {
    const std::string& live = plan.hosts[work.host].facts.live;
    for (const Step& step : work.steps) {
      const auto* prune = std::get_if<Prune>(&step);
      if (prune != nullptr && std::find(prune->ids.begin(), prune->ids.end(), live) != prune->ids.end()) return true;
    }
  }
  return false;
}

bool barrier_between(const Plan& plan, const Round& before, const Round& after) {
  if (before.local || after.local || has<RunTask>(before) || has<RunTask>(after)) return true;
  if (prunes_what_was_live(plan, after)) return true;
  const auto changing = std::count_if(plan.hosts.begin(), plan.hosts.end(), [](const PlannedHost& host) { return !host.already; });
  if (changing == 1) return false;
  // While another host's records may still fail, all may have to go back, with all that they had.
  return has<Publish>(before) || has<Publish>(after) || (has<Settle>(before) && has<Prune>(after));
}

void add(Stretch& stretch, const Round& round) {
  if (stretch.phases.empty() || stretch.phases.back() != round.phase) stretch.phases.push_back(round.phase);
  if (round.local) stretch.local = &*round.local;
  for (const HostSteps& work : round.hosts) {
    auto host = std::find_if(stretch.hosts.begin(), stretch.hosts.end(), [&](const auto& each) { return each.host == work.host; });
    if (host == stretch.hosts.end()) host = stretch.hosts.insert(stretch.hosts.end(), {work.host, {}});
    for (const Step& step : work.steps) host->steps.push_back({round.phase, &step});
  }
}

}  // namespace

std::vector<Stretch> stretches(const Plan& plan) {
  std::vector<Stretch> all;
  for (std::size_t i = 0; i < plan.rounds.size(); ++i) {
    if (i == 0 || barrier_between(plan, plan.rounds[i - 1], plan.rounds[i])) all.emplace_back();
    add(all.back(), plan.rounds[i]);
  }
  return all;
}

}  // namespace kirikae::plan
