// What the reading verbs have found out, as data for programs (docs/events.md, "Results").
#include <nlohmann/json.hpp>

#include "plan/plan.h"

namespace kirikae::plan {
namespace {

using Object = nlohmann::ordered_json;

std::string text_of(const Object& object) { return object.dump(-1, ' ', false, Object::error_handler_t::replace); }

// The host's own steps in their order; local tasks stand with every host, since all of them wait for it.
Object steps_of(const Plan& plan, std::size_t index) {
  Object steps = Object::array();
  for (const Round& round : plan.rounds) {
    if (round.local) {
      steps.push_back({{"phase", event::name_of(round.phase)}, {"step", "task " + round.local->task}, {"local", true}});
    }
    for (const HostSteps& host : round.hosts) {
      if (host.host != index) continue;
      for (const Step& step : host.steps) {
        Object object = {{"phase", event::name_of(round.phase)}, {"step", name_of(step)}};
        if (const auto* prune = std::get_if<Prune>(&step)) object["releases"] = prune->ids;
        steps.push_back(std::move(object));
      }
    }
  }
  return steps;
}

}  // namespace

std::string to_json(const Plan& plan) {
  Object hosts = Object::array();
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    const PlannedHost& host = plan.hosts[i];
    hosts.push_back({{"host", host.host.name},
                     {"live", host.facts.live},
                     {"already", host.already},
                     {"steps", host.already ? Object::array() : steps_of(plan, i)}});
  }
  return text_of({{"action", plan.action}, {"release", plan.release}, {"revision", plan.revision}, {"hosts", hosts}});
}

std::string releases_json(const std::vector<HostFacts>& hosts) {
  Object list = Object::array();
  for (const auto& [host, facts] : hosts) {
    Object releases = Object::array();
    for (auto release = facts.releases.rbegin(); release != facts.releases.rend(); ++release) {
      releases.push_back({{"id", release->id},
                          {"state", release->state ? release::name_of(*release->state) : "unmarked"},
                          {"revision", release->revision},
                          {"by", release->deployed_by}});
    }
    list.push_back({{"host", host.name}, {"live", facts.live}, {"releases", std::move(releases)}});
  }
  return text_of({{"hosts", std::move(list)}});
}

}  // namespace kirikae::plan
