// From YAML text to a Document. Its .cc is the only file that includes yaml-cpp.
#pragma once

#include <string>
#include <string_view>

#include "recipe/document.h"

namespace kirikae::recipe {

// Problems: no UTF-8, control characters, no YAML, more than one document, duplicate keys, tags, aliases that expand to more than
// 100,000 nodes or 8 MiB, nesting deeper than 64. Merge keys (`<<`) are resolved.
Document parse_yaml(std::string_view text, const std::string& path, Problems& problems);

}  // namespace kirikae::recipe
