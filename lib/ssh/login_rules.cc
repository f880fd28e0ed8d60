#include "ssh/login_rules.h"

#include <fmt/core.h>

#include <algorithm>

namespace kirikae::ssh {

std::string LoginRules::why_not(std::string_view method) const {
  const auto* known = std::ranges::find(login_methods, method, &LoginMethod::name);
  if (known != std::end(login_methods) && std::ranges::find(off, method) != off.end()) {
    return fmt::format("{} is off in ssh_config", known->directive);
  }
  if (preferred && std::ranges::find(*preferred, method) == preferred->end()) {
    return fmt::format("PreferredAuthentications in ssh_config doesn't name {}", method);
  }
  return {};
}

std::string LoginRules::why_not_asked() const {
  return batch ? "BatchMode is on in ssh_config" : prompts == 0 ? "NumberOfPasswordPrompts is 0 in ssh_config" : "";
}

bool LoginRules::prefers(std::string_view method, std::string_view other) const {
  return preferred && std::ranges::find(*preferred, method) < std::ranges::find(*preferred, other);
}

}  // namespace kirikae::ssh
