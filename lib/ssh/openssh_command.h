// The system's ssh, called with what the recipe says; the rest it reads itself. For what a person does on a host.
#pragma once

#include <string>
#include <vector>

#include "ssh/ssh_config.h"

namespace kirikae::ssh {

// Its arguments, the program first. `terminal`: the remote command gets one.
// Error (local): a path that ssh_config can't express.
Result<std::vector<std::string>> openssh_command(const Overrides& overrides, const SshConfig::Wanted& host, bool terminal,
                                                 const std::string& remote_command);

}  // namespace kirikae::ssh
