#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/suggestion.h"
#include "deploy/task.h"
#include "load.h"
#include "session.h"

namespace kirikae::cmd {
namespace {

Error no_tasks() { return {ErrorCode::usage, "the recipe has no tasks", "'deploy help recipe' explains 'tasks'"}; }

std::optional<Error> missing_task(const std::string& name, const recipe::Recipe& recipe) {
  if (recipe.tasks.empty()) return no_tasks();
  if (recipe.tasks.contains(name)) return std::nullopt;
  std::vector<std::string> known;
  for (const auto& [each, unused] : recipe.tasks) known.push_back(each);
  const auto near = nearest_name(name, known);
  return Error(ErrorCode::usage, fmt::format("no task is named '{}'", name),
               fmt::format("{}tasks: {}", near ? fmt::format("did you mean '{}'? ", *near) : "", fmt::join(known, ", ")));
}

Ended list_tasks(const Call& call) {
  if (call.options.output == Output::json) {
    return std::unexpected(Errors{Error(ErrorCode::usage, "'--output json' needs the name of a task: their list is text", "leave it out, or name one")});
  }
  const auto recipe = load_stage(call.options);
  if (!recipe) return std::unexpected(recipe.error());
  if (recipe->tasks.empty()) return std::unexpected(Errors{no_tasks()});
  const auto hosts = selected_hosts(*recipe, call.options);
  if (!hosts) return std::unexpected(hosts.error());
  if (const auto failed = show_text(deploy::tasks_text(*recipe, hosts->selected))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace

Ended run_task(const Call& call) {
  const std::string& name = call.options.argument;
  if (name.empty()) return list_tasks(call);
  if (call.options.list) {
    return std::unexpected(Errors{Error(ErrorCode::usage, "'--list' takes no task", "leave one of the two out")});
  }
  const auto change = [&](const auto& request, const auto& with) { return deploy::run_task(request, request.recipe.tasks.at(name), with); };
  return change_hosts(call, change, [&](const recipe::Recipe& recipe) { return missing_task(name, recipe); });
}

}  // namespace kirikae::cmd
