// The system's ssh, called with what the recipe says; the rest it reads itself. For what a person does on a host, and for runs that
// libssh2 can't carry.
#pragma once

#include <string>
#include <vector>

#include "ssh/ssh_config.h"

namespace kirikae::ssh {

// Its arguments, the program first. `stops`: the jump hosts on the way, first to last, and the host. `terminal`: the remote command gets one.
// Error (local): a path that ssh_config can't express.
Result<std::vector<std::string>> openssh_command(const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, bool terminal,
                                                 const std::string& remote_command);

// What a person types to get to the last of `stops` likewise: beyond ssh_config, which ssh reads itself, no more than that takes, so that a
// remote command may follow. `through`: the jump hosts on the way, where it isn't ssh_config that leads to the host through them. A path that
// ssh_config can't express is left out, with all that the recipe says of keys.
std::string typed_command(const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, const std::vector<Hop>& through = {});

// A host that is passed on the way, or the one at its end.
struct OpensshStop {
  SshConfig::Wanted wanted;
  HostSettings settings;
};

struct OpensshMaster {
  const Overrides& overrides;
  const std::vector<OpensshStop>& stops;  // first to last; the last one is the host
  std::string socket;  // for openssh_slave(): in a folder that nobody else may enter
  std::string log;     // a file for its own words, so that standard error is the host's
  bool questions;      // whether somebody can answer them
  bool password = false;  // there is one for the host itself, which is said even where ssh_config wants nothing to be asked
  bool terminal = false;  // for the remote command
};
// The one connection of a run to a host: it runs `remote_command` itself, and others beside it, and ends with the last of them. Host keys
// are judged as strictly as the recipe has it, and nothing is done that concerns a person's session. Error (local): as above.
Result<std::vector<std::string>> openssh_master(const OpensshMaster& master, const std::string& remote_command);

// A further command over the connection whose socket that is. Without it, this never makes one.
std::vector<std::string> openssh_slave(const std::string& socket, const std::string& remote_command, bool terminal = false);

}  // namespace kirikae::ssh
