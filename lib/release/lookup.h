// Looks releases up in what a host has answered. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "release/release.h"

namespace kirikae::release {

// Null where the host doesn't have it.
const ReleaseOnHost* find_release(const Facts& host, std::string_view id);

// What runs that died have left in the middle, but the live one. Under a lock that lives it may be at work: none.
std::vector<std::string> unfinished_releases(const Facts& host);

}  // namespace kirikae::release
