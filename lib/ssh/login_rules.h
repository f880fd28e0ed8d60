// LoginRules: how ssh_config lets a login be tried: by which methods, in which order, and whether anybody is asked. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ssh {

struct LoginRules {
  std::vector<std::string> off{};                       // methods, each by a setting of its own: "publickey"
  std::optional<std::vector<std::string>> preferred{};  // these alone, in this order, as SSH spells them
  bool batch = false;                                   // nobody is asked for anything
  int prompts = 3;                                      // for one password or passphrase, where it is wrong; 0: nobody is asked
  bool operator==(const LoginRules&) const = default;

  // Why a method may not be tried, for people; empty: it may.
  [[nodiscard]] std::string why_not(std::string_view method) const;
  [[nodiscard]] bool allows(std::string_view method) const { return why_not(method).empty(); }
  // Likewise why nobody is asked; empty: who is there may be.
  [[nodiscard]] std::string why_not_asked() const;
  // Of two methods that may be tried.
  [[nodiscard]] bool prefers(std::string_view method, std::string_view other) const;
};

// The directive that switches a method off.
struct LoginMethod {
  std::string_view name, directive;
};
inline constexpr LoginMethod login_methods[] = {
    {"publickey", "PubkeyAuthentication"},
    {"keyboard-interactive", "KbdInteractiveAuthentication"},
    {"password", "PasswordAuthentication"},
};

}  // namespace kirikae::ssh
