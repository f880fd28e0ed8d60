// This program as the one that rsync takes for a remote shell (ssh/bridge.h).
#pragma once

#include <span>

namespace kirikae::cmd {

// Whether rsync has called us; then carry_for_rsync() is all that is to be done, and its result the exit status.
bool called_by_rsync();
int carry_for_rsync(std::span<char* const> arguments);

}  // namespace kirikae::cmd
