// How a host is reached, for people: each setting, and where it came from. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ssh/host_settings.h"
#include "ssh/ssh_config.h"

namespace kirikae::ssh {

struct SettingLine {
  std::string_view name;    // as the recipe would have it where it can be said there, else as ssh_config
  std::string value;        // lists are joined by ", "; empty lists are "none"
  std::string_view origin;  // "recipe", "ssh_config" or "default"
  bool operator==(const SettingLine&) const = default;
};

// `usual`: the same host's settings where no ssh_config is read. Settings that are off are left out, unless somebody turned them off.
std::vector<SettingLine> explain(const HostSettings& settings, const HostSettings& usual, const SshConfig::Wanted& wanted,
                                 const Overrides& overrides);

}  // namespace kirikae::ssh
