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
#include <utility>

#include "core/error.h"
#include "ssh/link.h"
#include "ssh/transport.h"

struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

class Session;
class ChannelOpening;

class Channel final : public ShellChannel {
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
  ~Channel() override;  // closed beside everything else, by the session

  std::size_t write(std::string_view bytes) override;
  std::size_t read(Stream stream, std::span<char> buffer) override;
  // OpenSSH confirms each 96 KiB.
  [[nodiscard]] std::size_t unconfirmed() const override;
  bool send_eof() override;
  // Whether the host has closed the channel. What it closed before may still have to be read. Besides, takes what has come for any
  // channel off the socket, and allows the host no more than before, as a read would.
  bool closed();
  [[nodiscard]] std::size_t unread() const;  // bytes that have come, of both streams
  bool terminate() override;
  [[nodiscard]] bool at_end() const override;
  [[nodiscard]] std::string how_it_ended() const override;

 private:
  Session* session_;
  _LIBSSH2_CHANNEL* raw_;
  mutable std::size_t widest_ = 0;  // the host's window when it had taken everything
};

// ChannelOpening: a Channel on its way. libssh2 opens one at a time in a session.
class ChannelOpening final : public ShellOpening {
 public:
  // `agent`: the command gets a way to the session's agent (Session::forward_agent), where the host allows that; `terminal`: its streams
  // are a terminal.
  ChannelOpening(Session& session, std::string command_line, bool agent = false, bool terminal = false)
      : session_(&session), command_line_(std::move(command_line)), agent_(agent), terminal_(terminal) {}
  ChannelOpening(const ChannelOpening&) = delete;
  ChannelOpening& operator=(const ChannelOpening&) = delete;
  ~ChannelOpening() override;

  // Does what can be done now; 0 once the channel is there, `again` before that, else libssh2's code for why there is none.
  static const int again;
  int step();
  State advance() override;
  [[nodiscard]] bool is_open() const override { return raw_ != nullptr; }
  std::unique_ptr<ShellChannel> take() override;
  Result<std::unique_ptr<ShellChannel>> finish(std::chrono::milliseconds limit, const Wait& wait,
                                               const std::function<void()>& beside) override;

 private:
  friend class Channel;
  Channel take_channel() { return {*session_, std::exchange(raw_, nullptr)}; }
  [[nodiscard]] bool lacks_terminal() const { return terminal_ && !has_terminal_; }
  int ask();
  int start();
  int start_with_agent();

  Session* session_;
  std::string command_line_;
  _LIBSSH2_CHANNEL* raw_ = nullptr;
  bool done_ = false;
  bool agent_;
  const bool terminal_;
  bool has_terminal_ = false;
  bool opened_again_ = false;
  bool asked_ = false;  // for agent and command
  bool asked_again_ = false;
  std::optional<int> agent_code_;
};

}  // namespace kirikae::ssh
