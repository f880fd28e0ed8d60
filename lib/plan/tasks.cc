#include "plan/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "release/lookup.h"

namespace kirikae::plan {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

// What the host ran before the run, or of all hosts the newest one.
std::string release_before(const TaskScene& scene, const PlannedHost* host) {
  const auto of = [&](const release::Facts& facts) {
    return scene.place == TaskScene::Place::before ? release::standing_release(facts) : facts.live;
  };
  if (host != nullptr) return of(host->facts);
  std::string newest;
  for (const auto& each : scene.hosts) newest = std::max(newest, of(each.facts));
  return newest;
}

std::string revision_of(const std::vector<PlannedHost>& hosts, const std::string& release) {
  for (const auto& host : hosts) {
    if (const auto* found = release::find_release(host.facts, release)) return found->revision;
  }
  return {};
}

}  // namespace

std::map<std::string, std::string> environment_of(const TaskScene& scene, const PlannedHost* host) {
  std::map<std::string, std::string> environment = scene.recipe.vars;
  if (host != nullptr) {
    for (const auto& [name, value] : host->host.vars) environment[name] = value;
  }
  // `env` is for the hosts: on this machine the operator's own PATH and HOME stay.
  if (host != nullptr) {
    for (const auto& [name, value] : scene.recipe.env) environment[name] = value;
  }
  environment["APPLICATION"] = scene.recipe.application;
  environment["STAGE"] = scene.recipe.stage;
  environment["DEPLOY_ACTION"] = scene.action;
  const bool back = scene.place == TaskScene::Place::before;
  const std::string before = release_before(scene, host);
  const std::string& release = back ? before : scene.release;
  environment["RELEASE"] = release;
  environment["RELEASE_PATH"] = release.empty() ? std::string() : scene.layout.release(release);
  environment["CURRENT_PATH"] = scene.layout.current();
  environment["SHARED_PATH"] = scene.layout.shared();
  if (host != nullptr) {
    environment["HOST"] = host->host.name;
    environment["ROLES"] = joined(host->host.roles, " ");
  }
  environment["PREVIOUS_RELEASE"] = back ? scene.release : before;
  if (back) environment["REVISION"] = revision_of(scene.hosts, release);
  return environment;
}

namespace {

std::string folder_of(const TaskScene& scene, const recipe::Task& task, const PlannedHost& host) {
  std::string folder;
  if (scene.place == TaskScene::Place::before) {
    const std::string before = release::standing_release(host.facts);
    if (!before.empty()) {
      folder = scene.layout.release(before);
    } else if (!host.facts.current_dangles) {
      folder = scene.layout.current();
    }
  } else if (scene.place == TaskScene::Place::release) {
    folder = scene.layout.release(scene.release);
  } else if (!release::standing_release(host.facts).empty()) {
    folder = scene.layout.current();
  }
  if (task.dir.empty()) return folder;
  return folder.empty() ? task.dir : folder + '/' + task.dir;
}

LocalTask local_task(const TaskScene& scene, const recipe::Task& task) {
  const std::string folder = task.dir.empty() ? scene.recipe.folder : scene.recipe.folder + '/' + task.dir;
  return {task.name, task.run, folder, environment_of(scene, nullptr), task.timeout};
}

Error nowhere_to_run(const recipe::Task& task, const std::string& hook) {
  Error error(ErrorCode::usage,
              fmt::format("task '{}' ({}) runs once, but none of the selected hosts has {} {}", task.name, hook,
                          task.roles.size() == 1 ? "the role" : "any of the roles", joined(task.roles, ", ")),
              "select a host with that role too, or change the task's roles");
  error.span = task.span;
  return error;
}

template <class TakesPart>
std::vector<std::size_t> hosts_taking_part(const recipe::Task& task, const std::vector<PlannedHost>& hosts, TakesPart takes_part) {
  std::vector<std::size_t> matching;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].host.has_any_role(task.roles) && takes_part(hosts[i])) matching.push_back(i);
  }
  if (!task.once || matching.empty()) return matching;
  const auto primary = std::find_if(matching.begin(), matching.end(), [&](std::size_t i) { return hosts[i].host.primary; });
  return {primary == matching.end() ? matching.front() : *primary};
}

}  // namespace

std::vector<std::size_t> hosts_of(const recipe::Task& task, const std::vector<PlannedHost>& hosts) {
  return hosts_taking_part(task, hosts, [](const PlannedHost&) { return true; });
}

Result<std::vector<Round>> hook_rounds(const TaskScene& scene, recipe::HookPoint point, event::Phase phase) {
  std::vector<Round> rounds;
  const auto names = scene.recipe.hooks.find(point);
  if (names == scene.recipe.hooks.end()) return rounds;
  for (const auto& name : names->second) {
    const recipe::Task& task = scene.recipe.tasks.at(name);
    if (task.once && !task.local && hosts_of(task, scene.hosts).empty()) {
      return std::unexpected(nowhere_to_run(task, std::string(recipe::name_of(point))));
    }
    if (auto round = task_round(scene, task, phase)) rounds.push_back(*std::move(round));
  }
  return rounds;
}

bool in_deploys(recipe::HookPoint point) { return point != recipe::HookPoint::after_rollback; }

bool in_rollbacks(recipe::HookPoint point) {
  using enum recipe::HookPoint;
  return point == before_publish || point == after_publish || point == failed || point == after_rollback;
}

std::vector<Error> once_nowhere(const recipe::Recipe& recipe, const std::vector<inventory::Host>& hosts, bool (*is_run)(recipe::HookPoint)) {
  std::vector<Error> errors;
  std::set<std::string> told;
  for (const auto& [point, names] : recipe.hooks) {
    if (!is_run(point)) continue;
    for (const auto& name : names) {
      const recipe::Task& task = recipe.tasks.at(name);
      if (!task.once || task.local || std::ranges::any_of(hosts, [&](const auto& host) { return host.has_any_role(task.roles); })) continue;
      if (told.insert(name).second) errors.push_back(nowhere_to_run(task, std::string(recipe::name_of(point))));
    }
  }
  return errors;
}

std::vector<std::vector<std::string>> once_in_rollback(const recipe::Recipe& recipe) {
  std::vector<std::vector<std::string>> roles;
  for (const auto& [point, names] : recipe.hooks) {
    if (!in_rollbacks(point)) continue;
    for (const auto& name : names) {
      const recipe::Task& task = recipe.tasks.at(name);
      if (task.once && !task.local && !task.roles.empty()) roles.push_back(task.roles);
    }
  }
  return roles;
}

std::optional<Round> task_round(const TaskScene& scene, const recipe::Task& task, event::Phase phase) {
  Round round{phase, std::nullopt, {}};
  if (task.local) {
    round.local = local_task(scene, task);
    return round;
  }
  const auto takes_part = [&](const PlannedHost& host) {
    const auto index = static_cast<std::size_t>(&host - scene.hosts.data());
    if (!scene.only.empty() && !std::ranges::binary_search(scene.only, index)) return false;
    const bool ran_something = !host.facts.live.empty() || !release::link_before(host.facts).empty();
    return !host.already && (scene.place != TaskScene::Place::before || ran_something);
  };
  for (const std::size_t i : hosts_taking_part(task, scene.hosts, takes_part)) {
    const PlannedHost& host = scene.hosts[i];
    RunTask step{task.name, task.run, folder_of(scene, task, host), environment_of(scene, &host), task.timeout,
                 task.become, task.become_password.empty() ? scene.recipe.become_password : task.become_password, task.pty};
    round.hosts.push_back({i, {std::move(step)}});
  }
  if (round.hosts.empty()) return std::nullopt;
  return round;
}

}  // namespace kirikae::plan
