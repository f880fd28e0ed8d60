#include <fmt/format.h>

#include "load.h"
#include "recipe/load.h"
#include "verb.h"

namespace kirikae::cmd {

Ended run_config(const Call& call) {
  auto recipe = load_stage(call.options);
  if (!recipe) return std::unexpected(std::move(recipe).error());
  Errors open;  // it would be printed with holes
  for (const auto& prompt : recipe->prompts) {
    if (prompt.answered || prompt.secret || prompt.fallback) continue;
    open.emplace_back(ErrorCode::usage, fmt::format("'{}' has no value before it is asked for", prompt.name),
                      fmt::format("--set {}=… gives one", prompt.name));
    open.back().span = prompt.span;
  }
  if (!open.empty()) return std::unexpected(std::move(open));
  if (const auto failed = show_text(recipe::to_yaml(*recipe))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
