// The hosts of a stage: expanded, filtered, in recipe order.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "recipe/host_spec.h"
#include "recipe/load.h"
#include "recipe/recipe.h"

namespace kirikae::inventory {

struct Host {
  // What people see and filter by: the address (range expanded), with `:port` only where names would clash.
  std::string name;
  std::string address;  // DNS name or numeric address, IPv6 without brackets
  int port = 0;         // 0: as ssh_config has it, until that was asked
  std::string user;     // empty: likewise
  std::string transport{};  // "libssh2", "openssh" or "auto"; empty: nobody says, and so the first
  std::vector<std::string> roles;
  bool every_role = false;  // no host of the stage has roles: each takes part in everything
  bool primary = false;
  std::map<std::string, std::string> vars;  // the host's own, over the recipe's

  // True where `wanted` is empty or every_role is set.
  [[nodiscard]] bool has_any_role(const std::vector<std::string>& wanted) const;
};

// Addresses are read in the recipe's layer, so that a recipe is checked whole, hosts included.
using recipe::HostSpec;
using recipe::parse_host_spec;

// Errors: bad ranges or addresses, the same user@address:port twice; each with the entry's span.
std::expected<std::vector<Host>, recipe::Errors> expand(const recipe::Recipe& recipe);

struct Filter {                      // from --hosts, --roles, --exclude; each comma separated, names with * and ?
  std::vector<std::string> hosts;    // any of these names; empty: all
  std::vector<std::string> roles;    // any of these roles; empty: all
  std::vector<std::string> exclude;  // none of these names
};
// Errors (usage): a pattern that matches no host of the stage (with the nearest name), or nothing left.
Result<std::vector<Host>> select(const std::vector<Host>& hosts, const Filter& filter);

// Those that a word names that isn't one of these options; it may have * and ?. Errors (usage): no host of the stage has such a name.
Result<std::vector<Host>> named(const std::vector<Host>& hosts, const std::string& pattern);

}  // namespace kirikae::inventory
