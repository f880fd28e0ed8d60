// What a host said, fit for an error text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kirikae::ssh {

// The first line of `bytes` that isn't blank, control and non-ASCII bytes as '?', at most `limit` bytes and then "...".
std::string printable(std::string_view bytes, std::size_t limit);

}  // namespace kirikae::ssh
