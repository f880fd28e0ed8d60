#include "load.h"
#include "recipe/load.h"
#include "verb.h"

namespace kirikae::cmd {

Ended run_config(const Call& call) {
  auto recipe = load_stage(call.options);
  if (!recipe) return std::unexpected(std::move(recipe).error());
  if (const auto failed = show_text(recipe::to_yaml(*recipe))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
