// Verbs that visit each host by itself: what a person wants to do or see there. They take no lock and make no release, and a host
// that can't be reached doesn't keep the others from their part.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "deploy/deploy.h"

namespace kirikae::deploy {

struct TypedCommand {
  std::string text;                             // shell text
  std::optional<std::chrono::seconds> timeout;  // on each host, once it is connected
};
// `deploy run`: the command in the live release of every host. The report's exit code is the worst that a host's command came to:
// its own (128 + n where signal n ended it), 124 at the timeout, 255 where no trustworthy one was had.
event::Report run_command(const Request& request, const TypedCommand& command, const Surroundings& with);

struct LogWish {
  bool follow = false;
  int lines = 10;  // of what is there
};
// `deploy logs`: the recipe's log files on every host. Following ends when it is asked to stop, which is its good end, or when no host
// is left. Usage error: the recipe names none.
event::Report show_logs(const Request& request, const LogWish& wish, const Surroundings& with);

}  // namespace kirikae::deploy
