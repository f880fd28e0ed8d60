// How a run ended, for each host and as a whole. The exit codes are a promise (docs: deploy.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::event {

enum class Outcome {
  done,         // 0
  failed,       // 1: no host was changed over
  usage,        // 2: command line or recipe
  rolled_back,  // 3: failed after a switch, and undone on every host
  locked,       // 4
  unreachable,  // 5: connection, authentication or host key; nothing was written on any host
  partial,      // 6: hosts differ, or what runs is not what was wanted: a person is needed
  bug,          // 70
  interrupted,  // 130
};
int exit_code(Outcome outcome);
std::string_view name_of(Outcome outcome);
// The one to report of two: 70 > 130 > 6 > 3 > 2 > 4 > 5 > 1 > 0.
Outcome worse(Outcome a, Outcome b);

// Where a host stands when the run ends.
enum class HostEnd {
  unchanged,    // nothing was switched; it runs what it ran
  switched,     // it runs the run's release, and every step went well
  already,      // it ran the wanted release before (rollback)
  switched_then_failed,  // `current` was switched, a later step failed
  undone,       // switched, then taken back
  unknown,      // the connection was lost when it might have been switched, or what it runs is not ours to tell
};
std::string_view name_of(HostEnd end);

struct HostReport {
  std::string host;
  HostEnd end = HostEnd::unchanged;
  std::string live_before;  // release ids; empty: none, or not known
  std::string live_after;
  double seconds = 0;       // busy with this host
  std::uint64_t bytes = 0;  // of payload sent
  std::optional<Error> error;
};

struct Report {
  std::string verb;
  std::string application;
  std::string stage;
  std::string release;
  Outcome outcome = Outcome::done;
  double seconds = 0;
  std::vector<HostReport> hosts;   // in recipe order
  std::vector<Error> errors;       // of the run as a whole (local tasks, the source, no rollback candidate)
  std::vector<std::string> advice; // exact commands a person may need, one a line
  std::optional<int> exit_code;    // where it is not the outcome's: of `run`, what the hosts' commands came to
};

// The report's own, else its outcome's.
int exit_code(const Report& report);

}  // namespace kirikae::event
