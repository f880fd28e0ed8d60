// Channel: one command on the host, with its three streams, over a Session. Used by the session's thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "ssh/transport.h"

struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

class Session;

class Channel {
 public:
  // Opens a channel and runs `command_line` there, as `ssh host command_line` would; two round trips.
  // Errors: connect (the host opens no channel, or refuses to run commands), lost, timeout (no answer within `limit`), cancelled.
  static Result<Channel> open(Session& session, const std::string& command_line, std::chrono::milliseconds limit,
                              const Wait& wait);

  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;
  ~Channel();  // closed beside everything else, by the session

  // All never wait. A broken connection shows as 0 bytes, and in session.lost().
  // After a 0, `bytes` must begin with the same bytes in the next call.
  std::size_t write(std::string_view bytes);
  std::size_t read(Stream stream, std::span<char> buffer);
  // False: to be tried again in the next round.
  bool send_eof();
  // For a command that doesn't listen on its input: "TERM". It may be ignored there. False: as above.
  bool signal(std::string_view name);
  // The host has sent all of both streams, and all has been read.
  [[nodiscard]] bool at_end() const;
  // What the command's end looked like, once at_end(): "exit status 1", "signal KILL"; empty: the host hasn't told.
  [[nodiscard]] std::string how_it_ended() const;

 private:
  Channel(Session& session, _LIBSSH2_CHANNEL* raw) : session_(&session), raw_(raw) {}

  Session* session_;
  _LIBSSH2_CHANNEL* raw_;
};

}  // namespace kirikae::ssh
