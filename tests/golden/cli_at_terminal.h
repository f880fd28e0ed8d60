// The built program at a terminal, with nothing of the tester's own settings.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli.h"
#include "pty.h"

namespace kirikae::golden {

// A shell would have set these for its own terminal.
inline Pty at_terminal(const Cli& deploy, std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
  arguments.insert(arguments.begin(), KIRIKAE_DEPLOY);
  environment.insert({{"TERM", "xterm"}, {"NO_COLOR", ""}, {"HOME", deploy.folder.path().string()}, {"SSH_AUTH_SOCK", ""}});
  return Pty::of_program(std::move(arguments), deploy.folder.path().string(), environment);
}

}  // namespace kirikae::golden
