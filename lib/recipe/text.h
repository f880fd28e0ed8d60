// Text of recipes: what is UTF-8, what is a digit, and how a value is shown in a message.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::recipe {

// Index of the first byte that is not part of well-formed UTF-8; text.size() where all of it is.
std::size_t invalid_utf8(std::string_view text);

// What numbers are made of.
inline constexpr std::string_view digits = "0123456789";

// 'value' for a message: one line, without control characters, at most 60 bytes of it.
std::string in_quotes(std::string_view value);

}  // namespace kirikae::recipe
