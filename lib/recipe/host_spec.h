// The addresses that a stage lists: `[user@]name[:port]`, with ranges and IPv6.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"

namespace kirikae::recipe {

struct HostSpec {
  std::string user;
  std::string address;  // IPv6 without brackets
  int port = 0;         // 0: not given
};

// `[user@]address[:port]`, `user@[2001:db8::1]:22`, a bare IPv6 address, ranges `app[01-12]` (several in one address multiply;
// padded as written). At most 10,000 hosts of one entry. Errors (recipe), without a span.
Result<std::vector<HostSpec>> parse_host_spec(std::string_view text);

// One host of a stage.
struct ExpandedHost {
  HostSpec spec;          // port 0: as ssh_config has it
  std::string name;       // the address, with `:port` only where two hosts of the stage have the same address
  std::size_t entry = 0;  // index in the entries
};

// All entries in order, ranges expanded. Errors, each with its entry's span: what parse_host_spec says; a port or user given both
// in the address and beside it; the same address and port twice; `primary` on a range; two primary hosts that share a role.
std::vector<Error> expand_hosts(const std::vector<HostEntry>& entries, int default_port,
                                std::vector<ExpandedHost>& hosts);

}  // namespace kirikae::recipe
