#include "recipe/recipe.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace kirikae::recipe {

std::string_view name_of(HookPoint point) {
  static constexpr std::array<std::string_view, hook_point_count> names = {
      "before_connect", "after_connect", "before_upload", "after_upload", "before_link",
      "after_link",     "before_build",  "build",         "after_build",  "before_publish",
      "after_publish",  "before_prune",  "after_prune",   "failed",       "after_rollback"};
  return names.at(static_cast<std::size_t>(point));
}

std::set<std::string> passwords_of(const Recipe& recipe) {
  std::set<std::string> names;
  for (const auto& name : {recipe.ssh.password, recipe.become_password}) {
    if (!name.empty()) names.insert(name);
  }
  for (const auto& [unused, task] : recipe.tasks) {
    if (!task.become_password.empty()) names.insert(task.become_password);
  }
  return names;
}

bool is_remote(std::string_view repository) {
  // `name@host:path` is one, too: a colon before any slash.
  return repository.find("://") != std::string_view::npos || repository.find(':') < repository.find('/');
}

std::vector<std::string> files_to_bring(const Recipe& recipe) {
  std::vector<std::string> files;
  for (const auto& file : recipe.shared.files) {
    const bool made = std::any_of(recipe.templates.begin(), recipe.templates.end(),
                                  [&](const Template& each) { return each.shared && each.to == file; });
    if (!made) files.push_back(file);
  }
  return files;
}

}  // namespace kirikae::recipe
