// Channel: one command on the host, with its three streams, or one connection that the host makes for us, over a Session. Used by
// the session's thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "ssh/transport.h"

struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

class Session;
class ChannelOpening;

class Channel {
 public:
  // Opens a channel and runs `command_line` there, as `ssh host command_line` would; two round trips.
  // Errors: connect (the host opens no channel, or refuses to run commands), lost, timeout (no answer within `limit`), cancelled.
  static Result<Channel> open(Session& session, const std::string& command_line, std::chrono::milliseconds limit,
                              const Wait& wait);
  // `beside` is called in every round.
  static Result<Channel> open(ChannelOpening& opening, std::chrono::milliseconds limit, const Wait& wait,
                              const std::function<void()>& beside = {});

  // Takes over one that is open.
  Channel(Session& session, _LIBSSH2_CHANNEL* raw) : session_(&session), raw_(raw) {}
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;
  ~Channel();  // closed beside everything else, by the session

  // All never wait. A broken connection shows as 0 bytes, and in session.lost().
  // After a 0, `bytes` must begin with the same bytes in the next call.
  std::size_t write(std::string_view bytes);
  std::size_t read(Stream stream, std::span<char> buffer);
  // What was written and the host has not yet said to have taken. OpenSSH says so after each 96 KiB.
  [[nodiscard]] std::size_t unconfirmed() const;
  // False: to be tried again in the next round.
  bool send_eof();
  // Whether the host has closed the channel. What it closed before may still have to be read. Besides, takes what has come for any
  // channel off the socket, and allows the host no more than before, as a read would.
  bool closed();
  [[nodiscard]] std::size_t unread() const;  // bytes that have come, of both streams
  // For a command that doesn't listen on its input: "TERM". It may be ignored there. False: as above.
  bool signal(std::string_view name);
  // The host has sent all of both streams, and all has been read.
  [[nodiscard]] bool at_end() const;
  // What the command's end looked like, once at_end(): "exit status 1", "signal KILL"; empty: the host hasn't told.
  [[nodiscard]] std::string how_it_ended() const;

 private:
  Session* session_;
  _LIBSSH2_CHANNEL* raw_;
  mutable std::size_t widest_ = 0;  // the host's window when it had taken everything
};

// ChannelOpening: a Channel on its way. libssh2 opens one at a time in a session.
class ChannelOpening {
 public:
  // `agent`: the command gets a way to the session's agent (Session::forward_agent), where the host allows that.
  ChannelOpening(Session& session, std::string command_line, bool agent = false)
      : session_(&session), command_line_(std::move(command_line)), agent_(agent) {}
  ChannelOpening(ChannelOpening&& other) noexcept;
  ChannelOpening& operator=(ChannelOpening&&) = delete;
  ~ChannelOpening();

  // Does what can be done now; 0 once the channel is there, `again` before that, else libssh2's code for why there is none.
  static const int again;
  int step();
  [[nodiscard]] bool is_open() const { return raw_ != nullptr; }  // and the command is asked for
  [[nodiscard]] Channel take();

 private:
  friend class Channel;
  int start();
  int start_with_agent();
  Session* session_;
  std::string command_line_;
  _LIBSSH2_CHANNEL* raw_ = nullptr;
  bool done_ = false;
  bool agent_;
  bool asked_ = false;  // for agent and command
  bool asked_again_ = false;
  std::optional<int> agent_code_;
};

}  // namespace kirikae::ssh
