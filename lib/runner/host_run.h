// HostRun: how far one host has come in a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace kirikae::runner {

// Written by the host's own thread during a round, read by the runner between rounds.
struct HostRun {
  bool written = false;   // something was changed on the host
  bool prepared = false;  // the release's folder is there
  enum class Switched { no, yes, unknown } switched = Switched::no;
  bool foreign = false;   // `current` is neither what it was nor ours: somebody else has switched it
  bool lock_lost = false;  // a switch was not begun, since the lock isn't ours any more
  bool settled = false;   // the records say that the release is good: what fails from here on is a warning
  bool enough = false;    // one such failure: the rest is left out here
  // What came of taking a switched host back: `current` is as before, and whether the tasks after it went well too.
  enum class Undone { not_needed, no, link_only, yes } undone = Undone::not_needed;
  std::vector<std::string> undone_tasks{};  // of the way back: those that went well
  std::optional<Error> error;  // the first one
  double seconds = 0;          // spent in steps
  std::uint64_t bytes = 0;     // of payload sent
};

}  // namespace kirikae::runner
