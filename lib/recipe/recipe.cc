#include "recipe/recipe.h"

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

}  // namespace kirikae::recipe
