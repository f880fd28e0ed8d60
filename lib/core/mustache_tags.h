// Finds the tags of a mustache text, with their places, which the library that renders doesn't tell.
#pragma once

#include <string>
#include <vector>

#include "core/mustache.h"

namespace kirikae {

// A name that is true, see below. No template can ask for it, since names that a recipe gives have no colon.
inline constexpr const char* mustache_line_mark = "kk:line";

struct FoundTags {
  std::vector<MustacheTag> tags;
  // For the library: of a line with nothing but tags that stand for no text it keeps the line break, unless a section on that line is rendered. So each
  // such line has one more.
  std::string text;
};
// Errors: see MustacheTemplate::parse.
Result<FoundTags> find_mustache_tags(const std::string& text, const std::string& path);

}  // namespace kirikae
