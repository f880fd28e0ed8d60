// IPv6 addresses as text, without the system's help.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::recipe {

// The one way of writing an address (RFC 5952), so that two spellings of it compare equal; a zone (`%eth0`) is kept.
// Empty where `text` is no IPv6 address.
std::string canonical_ipv6(std::string_view text);

}  // namespace kirikae::recipe
