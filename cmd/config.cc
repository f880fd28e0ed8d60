#include <unistd.h>

#include "load.h"
#include "recipe/load.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {

Ended run_config(const Call& call) {
  auto recipe = load_stage(call.options);
  if (!recipe) return std::unexpected(std::move(recipe).error());
  ui::write_all(STDOUT_FILENO, recipe::to_yaml(*recipe));
  return event::Report{};
}

}  // namespace kirikae::cmd
