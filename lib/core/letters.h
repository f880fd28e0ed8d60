// Letters of ASCII in either case; all else stays. Names on disk and on the command line must not depend on the locale.
#pragma once

#include <string>
#include <string_view>

namespace kirikae {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text);
std::string upper(std::string_view text);

}  // namespace kirikae
