// Finds the tags of a mustache text, with their places, which the library that renders doesn't tell.
#pragma once

#include <string>
#include <vector>

#include "core/mustache.h"

namespace kirikae {

// Errors: see MustacheTemplate::parse.
Result<std::vector<MustacheTag>> find_mustache_tags(const std::string& text, const std::string& path);

}  // namespace kirikae
