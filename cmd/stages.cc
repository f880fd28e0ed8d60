#include <fmt/format.h>
#include <fmt/ranges.h>

#include "load.h"
#include "recipe/load.h"
#include "verb.h"

namespace kirikae::cmd {

// `deploy` alone: what it could have meant.
Ended run_stages(const Call& call) {
  const auto file = open_recipe(call.options);
  if (!file) return std::unexpected(Errors{file.error()});
  const auto stages = recipe::stage_names(file->text, file->path);
  if (!stages) return std::unexpected(stages.error());
  return std::unexpected(Errors{{ErrorCode::usage, "which stage?",
                                 fmt::format("usage: deploy [VERB] STAGE, see 'deploy --help'\n  stages of '{}': {}",
                                             file->path, fmt::join(*stages, ", "))}});
}

}  // namespace kirikae::cmd
