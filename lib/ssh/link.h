// Link: a connection that a host has let in, and shells on it: what the real transports have in common below their control shells. One
// thread uses it; only its waker may be used by others.
//
// How to drive it: do one round, in which everybody who waits for something tries it (reads, writes, ...), then wait(), and again.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/deadline.h"
#include "core/error.h"
#include "core/waker.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// One command on the host, with its three streams. Nothing here waits; a lost link shows as 0 bytes, and in Link::lost().
class ShellChannel {
 public:
  virtual ~ShellChannel() = default;

  // After a 0, `bytes` must begin with the same bytes in the next call.
  virtual std::size_t write(std::string_view bytes) = 0;
  virtual std::size_t read(Stream stream, std::span<char> buffer) = 0;
  // What was written and the host has not yet said to have taken, as far as that is known.
  [[nodiscard]] virtual std::size_t unconfirmed() const = 0;
  // False: to be tried again in the next round.
  virtual bool send_eof() = 0;
  // TERM to the command, which may not listen on its input and may ignore this too. False: as above.
  virtual bool terminate() = 0;
  // Whether the command's process id is needed, by terminate() or by others who end it; it is told here.
  [[nodiscard]] virtual bool wants_process() const { return false; }
  virtual void set_process(long) {}
  [[nodiscard]] virtual long process() const { return 0; }  // 0: it isn't known
  // The host has sent all of both streams, and all has been read.
  [[nodiscard]] virtual bool at_end() const = 0;
  // What the command's end looked like, once at_end(): "exit status 1", "signal KILL"; empty: that isn't known.
  [[nodiscard]] virtual std::string how_it_ended() const = 0;
};

// A ShellChannel on its way, for host::start_line() or host::terminal_line().
class ShellOpening {
 public:
  enum class State { there, later, refused };
  virtual ~ShellOpening() = default;

  // Does what can be done now.
  virtual State advance() = 0;
  // The host has opened the channel, and the command is asked for: another one may be asked for.
  [[nodiscard]] virtual bool is_open() const = 0;
  // Once it is there.
  virtual std::unique_ptr<ShellChannel> take() = 0;
  // Waits until it is there and takes it; `beside` is called in every round. Errors: connect (the host starts no command), lost,
  // timeout (no answer within `limit`), cancelled.
  virtual Result<std::unique_ptr<ShellChannel>> finish(std::chrono::milliseconds limit, const Wait& wait,
                                                       const std::function<void()>& beside) = 0;
};

class Link {
 public:
  virtual ~Link() = default;

  virtual std::unique_ptr<ShellOpening> open_shell() = 0;
  // The same for host::terminal_line(), with a terminal. Where the host gives none, the opening is refused.
  virtual std::unique_ptr<ShellOpening> open_terminal() = 0;
  // Whether a shell that the host opens no channel for is there at first, and ends before its hello.
  [[nodiscard]] virtual bool refuses_late() const { return false; }

  // Ends one round: sleeps until there may be something to do: bytes from the host, room for more, the waker, the deadline, or `also`
  // readable. False: the connection is lost, loss() says how.
  virtual bool wait(Deadline deadline, int also = -1) = 0;
  // Whether a writer of much may go on; otherwise wait() comes back when it may.
  [[nodiscard]] virtual bool may_write() const = 0;
  // How much of a payload should be on its way at most.
  [[nodiscard]] virtual std::size_t payload_limit() const = 0;

  // There is no use for the connection any more: "no sign of life for 45 s".
  virtual void fail(const std::string& why) = 0;
  [[nodiscard]] virtual bool lost() const = 0;
  [[nodiscard]] virtual const std::string& loss() const = 0;
  // Ends it; within half a second or so, whatever the host does.
  virtual void shut_down() = 0;

  [[nodiscard]] virtual const Target& target() const = 0;
  // Shared, since what wakes may outlive the link by a moment.
  [[nodiscard]] virtual const std::shared_ptr<Waker>& waker() const = 0;
  // Transport::identity().
  [[nodiscard]] virtual std::string identity() const = 0;
};

}  // namespace kirikae::ssh
