// Folders of programs for the PATH of a host's sessions.
#pragma once

#include <string>

#include "support/farm.h"
#include "support/temp_dir.h"

namespace kirikae::test {

// Everything but what matches a pattern of `case`.
void tools_without(const TempDir& folder, const std::string& missing);
// busybox under all its names.
void tools_of_busybox(const TempDir& folder);

// The second host of two has these in its PATH from now on, and nothing else.
void give_second_host(const World& world, const TempDir& tools);

}  // namespace kirikae::test
