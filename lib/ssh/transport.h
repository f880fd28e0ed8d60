// Transport: one host's session as the runner sees it. The real one speaks SSH (session.h); tests have a fake, held to the
// same contract by tests/contract.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_source.h"
#include "core/deadline.h"
#include "core/error.h"
#include "core/waker.h"
#include "host/command.h"

namespace kirikae::ssh {

enum class Stream { out, err };
using OutputFn = std::function<void(Stream, std::string_view)>;  // raw bytes, in pieces of any size

struct Exit {
  int status = 0;      // 0 to 255, as the host's trailer says it (128 + n for a command that a signal n ended)
  std::string signal;  // "KILL", as shells tell of one by the status; empty: the status is none of those
  [[nodiscard]] bool ok() const { return status == 0 && signal.empty(); }
  // "ended with status 137 (as by signal KILL)": a command may end with such a status by itself.
  [[nodiscard]] std::string text() const;
};

// How long a call may take. A call whose stop token is asked to stop returns `cancelled` after it has told the host to end the step.
struct Wait {
  Deadline deadline = Deadline::never();
  std::stop_token stop;
};

// Several steps that need no look from here in between. Each begins once the one before has ended with status 0; the first that
// ends otherwise ends the row, and its status is the row's.
struct Row {
  std::vector<host::Command> commands;  // one at least
  // The index of a command that has begun; from the second one on. It may set the deadline of the row's Wait anew, so that each command has
  // its own.
  std::function<void(std::size_t)> begun = [](std::size_t) {};
};

// What a row's payload is: for the command `for_command`, read while that runs. `sent` is told the bytes sent so far.
struct Payload {
  std::size_t for_command = 0;
  ByteSource& data;
  std::function<void(std::uint64_t)> sent;
};

struct Target {
  std::string name;  // display name
  std::string address;  // or what ssh_config has under this name
  int port = 22;        // 0: as ssh_config has it
  std::string user;     // empty: likewise
  bool payload = false;  // one will be sent: the way for it is made ready beside everything else
  bool jump = false;      // it only leads to others
  std::string way{};      // made by Routes: tells hosts apart that have one address, each where another way leads to
  std::string command{};  // with which a person gets there likewise: "ssh -p 2222 deploy@web1"; empty: made of the above
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Runs one step in the control shell and waits for its trailer. A status other than 0 is no error here.
  // Errors: lost (connection gone, or no trustworthy status), timeout (the step was killed there), cancelled (likewise).
  virtual Result<Exit> exec(const host::Command& command, const OutputFn& on_output, const Wait& wait) = 0;

  // The same on a data channel of its own, with `data` as standard input; `on_sent` is told the bytes sent so far.
  virtual Result<Exit> send(const host::Command& command, ByteSource& data, const std::function<void(std::uint64_t)>& on_sent,
                            const OutputFn& on_output, const Wait& wait) = 0;

  // A row in one round trip, in the control shell; with a payload, on a data channel. Status and errors are those of the command
  // that runs. Of this class: command by command, which is what it means.
  virtual Result<Exit> exec_row(const Row& row, const OutputFn& on_output, const Wait& wait);
  virtual Result<Exit> send_row(const Row& row, const Payload& payload, const OutputFn& on_output, const Wait& wait);

  // Tells the control shell which lock it frees when it ends (host::hold); nothing is waited for.
  virtual void hold(const std::string& text) = 0;
  // A step has freed that lock, so that close() needs no answer any more.
  virtual void let_go() {}

  // What the host is known by, whatever it is called: its key's blob.
  [[nodiscard]] virtual std::string identity() const = 0;

  // Keeps the session alive (keepalive, heartbeat, answers) until the waker is woken. Error: lost, as soon as it is noticed; what has
  // come by the time of the wake is noticed.
  virtual Result<void> idle(const Waker& until) = 0;

  // Ends the control shell and the session, within a second. Also done by the destructor.
  virtual void close() = 0;
};

// Makes sessions, and lives longer than they do. connect() is called from one thread per host at the same time.
class Connector {
 public:
  virtual ~Connector() = default;
  // Resolves, connects, checks the host key, authenticates, starts the control shell. `tell` is given short states for progress
  // ("connecting", "waiting for a login slot", "authenticating").
  // Errors: connect, host_key, auth, timeout, cancelled, lost.
  virtual Result<std::unique_ptr<Transport>> connect(const Target& target, const std::function<void(std::string_view)>& tell,
                                                     const Wait& wait) = 0;
};

}  // namespace kirikae::ssh
