// Events: the one stream of values that a run emits. Readers (terminal, plain lines, recorders) never ask back, and the code
// that emits never asks who listens. Times are seconds since the run began.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "event/outcome.h"

namespace kirikae::event {

// The phases of a run, in order. connect covers the locks and preflight, too. run is of the verbs that carry out commands and no
// deploy.
enum class Phase { connect, upload, link, build, publish, prune, undo, run };
std::string_view name_of(Phase phase);

struct HostInfo {
  std::string name;
  std::vector<std::string> roles;
};

struct RunStarted {
  std::string verb;  // as it is typed: of every one that goes to hosts, but ssh
  std::string application;
  std::string stage;
  std::vector<HostInfo> hosts;
};
struct ReleaseChosen {  // once the hosts have been read
  std::string release;
  std::string revision;
};
struct PhaseStarted {  // when all hosts have ended the phase before; steps of a host that is ahead may be told earlier
  Phase phase;
  std::vector<std::string> hosts;
};
struct PhaseFinished {
  Phase phase;
  double seconds = 0;
  int failed_hosts = 0;
};
struct HostState {  // for progress only: "connecting", "waiting for a login slot"
  std::string host;
  std::string text;
};
struct StepStarted {
  std::string host;  // empty: on this machine
  Phase phase;
  std::string step;  // as people read it: "unpack", "task migrate"
};
struct StepFinished {
  std::string host;
  Phase phase;
  std::string step;
  double seconds = 0;
  std::optional<Error> error;
};
enum class Channel { out, err };
struct Output {        // one line that a command printed
  std::string host;    // empty: on this machine
  std::string step;
  Channel channel = Channel::out;
  std::string line;    // as it came, without newline: renderers sanitise it; at most 16 KiB, longer lines come in pieces
};
struct Omitted {  // output that was not kept: in the record of a run, or where the reader of our output is too slow
  std::string host;
  std::string step;
  std::uint64_t lines = 0;
};
struct Progress {  // upload
  std::string host;
  std::uint64_t sent = 0;
  std::uint64_t total = 0;  // 0: not known yet
};
struct Warning {
  std::string host;  // empty: the run as a whole
  std::string text;
};
struct Answer {      // of a verb that reads: what it was asked for
  std::string text;  // as people read it
  std::string json;  // the same as data, a JSON document; empty: there is none
};
struct RunFinished {
  Report report;
};

using Any = std::variant<RunStarted, ReleaseChosen, PhaseStarted, PhaseFinished, HostState, StepStarted, StepFinished, Output,
                         Omitted, Progress, Warning, Answer, RunFinished>;

struct Event {
  double at = 0;  // seconds since the run began
  Any what;
};

// Thread-safe: emit() is called from every host's thread. It must not block on a slow terminal for long.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void emit(Event event) = 0;
};

}  // namespace kirikae::event
