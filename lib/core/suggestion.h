// The nearest known name to one that somebody mistyped.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kirikae {

// By Damerau-Levenshtein distance, at most a third of the name's length (at least 1), and less than all of it; none where nothing is near.
std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> known);

}  // namespace kirikae
