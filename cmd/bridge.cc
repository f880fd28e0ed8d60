#include "bridge.h"

#include <cstdlib>

#include "ssh/bridge.h"

namespace kirikae::cmd {

bool called_by_rsync() { return std::getenv(ssh::bridge_variable) != nullptr; }

int carry_for_rsync(std::span<char* const> arguments) {
  return ssh::carry_over(std::getenv(ssh::bridge_variable), {arguments.begin() + 1, arguments.end()});
}

}  // namespace kirikae::cmd
