// The live release beside its source, as find and sha256sum see them: what looks here shares no code with the tool.
#pragma once

#include <filesystem>
#include <string>

#include "support/farm.h"

namespace kirikae::test {

// What isn't bit for bit the same in both, a line each; REVISION is the tool's own. Kinds, modes, sizes, times of files in seconds, targets of links
// and contents count, owners don't, and a hole is as good as zeros.
std::string changed_on_the_way(const std::filesystem::path& source, const FarmHost& host);

}  // namespace kirikae::test
