// The system's ssh, called with the settings that our own sessions have: for what a person does on a host.
#pragma once

#include <string>
#include <vector>

#include "ssh/ssh_connector.h"

namespace kirikae::ssh {

// Its arguments, the program first. `usable`: the identities of the settings that ssh shall try. `terminal`: the remote command gets one.
// Error (local): a path that ssh_config can't express.
Result<std::vector<std::string>> openssh_command(const Settings& settings, const std::vector<std::string>& usable,
                                                 const Target& target, bool terminal,
                                                 const std::string& remote_command);

}  // namespace kirikae::ssh
