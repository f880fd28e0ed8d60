// What the reading verbs have found out, as data for programs (docs/events.md, "Results").
#include <algorithm>
#include <nlohmann/json.hpp>

#include "plan/diff.h"
#include "plan/plan.h"
#include "plan/preflight.h"
#include "plan/status.h"

namespace kirikae::plan {
namespace {

using Object = nlohmann::ordered_json;

std::string json_text(const Object& object) { return object.dump(-1, ' ', false, Object::error_handler_t::replace); }

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

Object object_of(const release::LockHolder& holder) {
  Object object = {{"by", holder.by}, {"since", holder.since}, {"what", holder.what}};
  if (!holder.url.empty()) object["url"] = holder.url;
  return object;
}

Object object_of(const Error& problem) {
  Object object = {{"code", name_of(problem.code)}, {"message", message_of(problem)}};
  if (!problem.hint.empty()) object["hint"] = problem.hint;
  if (problem.span) object["file"] = problem.span->file;
  if (problem.span && problem.span->line > 0) object.update({{"line", problem.span->line}, {"column", problem.span->column}});
  return object;
}

Object commands_on(const recipe::Recipe& recipe, const HostFacts& host) {
  const CommandScene scene = command_scene(recipe, host);
  Object object = {{"user", host.host.user}, {"umask", host.facts.umask}, {"environment", scene.environment}, {"vars", scene.vars}};
  if (!scene.waiting.empty()) object["waiting"] = scene.waiting;
  return object;
}

void add_locks(Object& object, const release::Facts& facts) {
  if (facts.lock) object["lock"] = object_of(*facts.lock);
  if (facts.stale_lock) object["stale_lock"] = object_of(*facts.stale_lock);
  if (facts.frozen) object["frozen"] = object_of(*facts.frozen);
}

Object object_of(const Judged& host) {
  const release::Facts& facts = host.of->facts;
  Object object = {{"host", host.of->host.name},
                   {"in_order", host.problems.empty()},
                   {"current", host.current},
                   {"live", facts.live},
                   {"revision", host.revision},
                   {"by", host.by},
                   {"drift", host.drift},
                   {"unfinished", host.unfinished},
                   {"failed", host.failed},
                   {"problems", host.problems},
                   {"notes", host.notes}};
  if (!host.state.empty()) object["state"] = host.state;
  if (!facts.current_target.empty()) object["target"] = facts.current_target;
  if (host.since) object["since"] = json_time(*host.since);
  add_locks(object, facts);
  return object;
}

Object object_of(const Change& change) {
  const auto word = change.sign == '+' ? "added" : change.sign == '-' ? "removed" : change.sign == '~' ? "changed" : "unreadable";
  Object object = {{"path", change.path}, {"change", word}, {"kind", kind_text(change.kind)}};
  if (change.sign == '~') object["differs"] = change.differs;
  if (change.files) object["files"] = *change.files;
  return object;
}

Object object_of(const Commits& commits) {
  Object listed = Object::array();
  for (const auto& [sha, subject] : commits.listed) listed.push_back({{"commit", sha}, {"subject", subject}});
  return {{"from", commits.from}, {"to", commits.to}, {"ahead", commits.ahead}, {"behind", commits.behind}, {"listed", std::move(listed)}};
}

Object object_of(const GroupChanges& group) {
  constexpr std::size_t most = 20000;  // changes; the counts are of all
  Object changes = Object::array();
  for (std::size_t i = 0; i < std::min(group.changes.size(), most); ++i) changes.push_back(object_of(group.changes[i]));
  Object object = {{"hosts", group.hosts},
                   {"live", group.live},
                   {"added", group.added},
                   {"removed", group.removed},
                   {"changed", group.changed},
                   {"unreadable", group.unreadable},
                   {"omitted", group.changes.size() - std::min(group.changes.size(), most)},
                   {"changes", std::move(changes)}};
  if (group.commits) object["commits"] = object_of(*group.commits);
  return object;
}

template <class Item>
Object array_of(const std::vector<Item>& items) {
  Object array = Object::array();
  for (const Item& item : items) array.push_back(object_of(item));
  return array;
}

}  // namespace

std::string audit_json(const std::vector<HostLog>& logs, std::size_t lines) {
  Object entries = Object::array();
  for (const auto& [entry, hosts] : merged(logs, lines)) {
    entries.push_back({{"time", json_time(entry->time)},
                       {"action", entry->action},
                       {"result", entry->result},
                       {"application", entry->application},
                       {"stage", entry->stage},
                       {"release", entry->release},
                       {"revision", entry->revision},
                       {"by", entry->by},
                       {"detail", entry->detail},
                       {"hosts", hosts}});
  }
  return json_text({{"entries", std::move(entries)}});
}

std::string status_json(const Status& status) {
  return json_text({{"in_order", status.in_order}, {"usual", status.usual}, {"hosts", array_of(status.hosts)}});
}

std::string diff_json(const Difference& difference) {
  return json_text({{"differs", difference.differs}, {"groups", array_of(difference.groups)}});
}

std::string check_json(const recipe::Recipe& recipe, const std::vector<std::string>& hosts, const std::vector<HostFacts>& answered,
                       const std::vector<Error>& problems, const std::vector<Remark>& remarks) {
  const auto found_of = [&](const std::string& name) {
    Object wrong = Object::array(), odd = Object::array();
    for (const Error& problem : problems) {
      if (problem.host == name) wrong.push_back(object_of(problem));
    }
    for (const Remark& remark : remarks) {
      if (remark.host == name) odd.push_back(remark.text);
    }
    return std::pair(std::move(wrong), std::move(odd));
  };
  auto [own_problems, own_remarks] = found_of("");  // of this machine: they concern every host
  Object list = Object::array();
  for (const std::string& name : hosts) {
    auto [wrong, odd] = found_of(name);
    const bool ready = wrong.empty() && own_problems.empty();
    Object object = {{"host", name}, {"ready", ready}, {"problems", std::move(wrong)}, {"remarks", std::move(odd)}};
    const auto host = std::find_if(answered.begin(), answered.end(), [&](const HostFacts& each) { return each.host.name == name; });
    if (host != answered.end()) {
      object["live"] = host->facts.live;
      add_locks(object, host->facts);
      object["commands"] = commands_on(recipe, *host);
    }
    list.push_back(std::move(object));
  }
  return json_text({{"ready", problems.empty()},
                    {"problems", std::move(own_problems)},
                    {"remarks", std::move(own_remarks)},
                    {"hosts", std::move(list)}});
}

std::string to_json(const Plan& plan) {
  Object hosts = Object::array();
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    const PlannedHost& host = plan.hosts[i];
    Object object = {{"host", host.host.name},
                     {"live", host.facts.live},
                     {"already", host.already},
                     {"steps", host.already ? Object::array() : steps_of(plan, i)}};
    add_locks(object, host.facts);
    hosts.push_back(std::move(object));
  }
  return json_text({{"action", plan.action}, {"release", plan.release}, {"revision", plan.revision}, {"hosts", hosts}});
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
  return json_text({{"hosts", std::move(list)}});
}

}  // namespace kirikae::plan
