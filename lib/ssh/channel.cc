#include "ssh/channel.h"

#include <fmt/format.h>
#include <libssh2.h>

#include <algorithm>
#include <utility>

#include "ssh/libssh2_error.h"
#include "ssh/libssh2_patches.h"
#include "ssh/printable.h"
#include "ssh/session.h"
#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

constexpr unsigned session_window = 8u * 1024 * 1024;  // what the host may send before we have read it
constexpr unsigned session_packet = 32768;
constexpr int columns = 80, rows = 24;  // of a terminal
constexpr std::size_t longest_name = 40;  // of a signal, as the host has it

Error open_error(Session& session, int code, bool terminal, std::chrono::milliseconds limit, const Wait& wait) {
  const auto& target = session.target();
  const std::string place = place_of(target);
  if (wait.stop.stop_requested()) return Error(ErrorCode::cancelled, "starting a shell on " + place + " was stopped");
  if (code == LIBSSH2_ERROR_TIMEOUT) {
    return Error(
        ErrorCode::timeout,
        fmt::format("{} did not start a shell in {:.0f} s", place, std::chrono::duration<double>(limit).count()),
        "check that the host is not overloaded and that logging in works: " + ssh_command(target));
  }
  if (is_lost(code)) {
    const std::string why = session.lost() ? session.loss() : libssh2_text(session.raw(), code);
    session.fail(code);
    return Error(ErrorCode::lost,
                 fmt::format("the connection to {} was lost while a shell was started: {}", place, why),
                 "check the host and run the same command again");
  }
  if (terminal && code == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
    return Error(ErrorCode::connect, place + " gives no terminal",
                 "allow it (PermitTTY in sshd_config, no-pty or restrict in authorized_keys), or remove 'pty'");
  }
  return Error(ErrorCode::connect, fmt::format("{} starts no shell: {}", place, libssh2_text(session.raw(), code)),
               "check MaxSessions and ForceCommand in the host's sshd_config, and the login shell: " +
                   ssh_command(target) + " true");
}

}  // namespace

Result<Channel> Channel::open(Session& session, const std::string& command_line, std::chrono::milliseconds limit,
                              const Wait& wait) {
  ChannelOpening opening(session, command_line);
  return open(opening, limit, wait);
}

Result<Channel> Channel::open(ChannelOpening& opening, std::chrono::milliseconds limit, const Wait& wait,
                              const std::function<void()>& beside) {
  Session& session = *opening.session_;
  // Each of the two answers has the limit for itself.
  for (const bool whole : {false, true}) {
    const int code = session.call(
        [&] {
          const int now = opening.step();
          if (beside) beside();
          return now == LIBSSH2_ERROR_EAGAIN && !whole && opening.is_open() ? 0 : now;
        },
        limit, wait);
    if (code != 0) return std::unexpected(open_error(session, code, opening.lacks_terminal(), limit, wait).on(session.target().name));
  }
  return opening.take_channel();
}

const int ChannelOpening::again = LIBSSH2_ERROR_EAGAIN;

ChannelOpening::~ChannelOpening() {
  if (raw_ != nullptr) session_->retire(raw_);
}

int ChannelOpening::step() {
  if (done_) return 0;
  if (session_->lost()) return LIBSSH2_ERROR_SOCKET_DISCONNECT;
  if (raw_ == nullptr) {
    use_channel_early(session_->raw(), session_->is_openssh() && !terminal_);
    raw_ = ::libssh2_channel_open_ex(session_->raw(), "session", 7, session_window, session_packet, nullptr, 0);
    use_channel_early(session_->raw(), false);
    if (raw_ == nullptr) return ::libssh2_session_last_errno(session_->raw());
  }
  const int code = ask();
  // dropbear at times closes one that was opened just when the command of another has ended, and answers nothing on it any more.
  if (code == again && ::libssh2_channel_eof(raw_) == 1) {
    session_->retire(std::exchange(raw_, nullptr));
    has_terminal_ = asked_ = asked_again_ = false;
    agent_code_.reset();
    return std::exchange(opened_again_, true) ? LIBSSH2_ERROR_CHANNEL_CLOSED : step();
  }
  done_ = code == 0;
  return code;
}

int ChannelOpening::ask() {
  if (terminal_ && !has_terminal_) {
    const int code = ::libssh2_channel_request_pty_ex(raw_, "dumb", 4, nullptr, 0, columns, rows, 0, 0);
    if (code != 0) return code;
    has_terminal_ = true;
  }
  return agent_ ? start_with_agent() : start();
}

ShellOpening::State ChannelOpening::advance() {
  const int code = step();
  return code == 0 ? State::there : code == again ? State::later : State::refused;
}

std::unique_ptr<ShellChannel> ChannelOpening::take() { return std::make_unique<Channel>(take_channel()); }

Result<std::unique_ptr<ShellChannel>> ChannelOpening::finish(std::chrono::milliseconds limit, const Wait& wait,
                                                             const std::function<void()>& beside) {
  TRY_ASSIGN(auto channel, Channel::open(*this, limit, wait, beside));
  return std::make_unique<Channel>(std::move(channel));
}

int ChannelOpening::start() {
  return ::libssh2_channel_process_startup(raw_, "exec", 4, command_line_.data(), static_cast<unsigned>(command_line_.size()));
}

// Both requests go at once, without a round trip in between, and the answers come in their order. libssh2 doesn't tell them apart: who
// looks first gets the first. Where the host refuses the agent, libssh2 asks by another name, behind the command: then it is
// given the command's answer for that one's, and the command the refusal.
int ChannelOpening::start_with_agent() {
  const auto ask_for_agent = [this] {
    const auto before = session_->pieces_sent();
    const int code = ::libssh2_channel_request_auth_agent(raw_);
    const bool asked = session_->pieces_sent() != before;
    if (asked_) asked_again_ = asked_again_ || asked;
    if (code != again) agent_code_ = code;
  };
  if (!asked_) {
    session_->send_only([&] {
      ask_for_agent();
      return 0;
    });
    const int code = session_->send_only([this] { return start(); });
    if (code != again) return code;
    asked_ = true;
  }
  if (!agent_code_) ask_for_agent();
  if (!agent_code_) return again;
  const int code = start();
  if (code == again || is_lost(code)) return code;
  if (asked_again_ || *agent_code_ != 0) session_->refuse_agent();
  return asked_again_ ? *agent_code_ : code;
}

Channel::Channel(Channel&& other) noexcept
    : session_(other.session_), raw_(std::exchange(other.raw_, nullptr)), widest_(other.widest_) {}

Channel::~Channel() {
  if (raw_ != nullptr) session_->retire(raw_);
}

std::size_t Channel::write(std::string_view bytes) {
  if (bytes.empty() || session_->lost()) return 0;
  const ssize_t n = ::libssh2_channel_write_ex(raw_, 0, bytes.data(), bytes.size());
  if (n >= 0) return static_cast<std::size_t>(n);
  // A channel that the host has closed takes nothing more; its end is seen by those who read.
  if (is_lost(static_cast<int>(n))) session_->fail(static_cast<int>(n));
  return 0;
}

std::size_t Channel::unconfirmed() const {
  const std::size_t left = ::libssh2_channel_window_write_ex(raw_, nullptr);
  widest_ = std::max(widest_, left);
  return widest_ - left;
}

std::size_t Channel::read(Stream stream, std::span<char> buffer) {
  if (session_->lost()) return 0;
  const ssize_t n = ::libssh2_channel_read_ex(raw_, stream == Stream::err ? SSH_EXTENDED_DATA_STDERR : 0, buffer.data(),
                                              buffer.size());
  if (n >= 0) return static_cast<std::size_t>(n);
  if (is_lost(static_cast<int>(n))) session_->fail(static_cast<int>(n));
  return 0;
}

bool Channel::send_eof() {
  if (session_->lost()) return true;
  const int code = ::libssh2_channel_send_eof(raw_);
  if (is_lost(code)) session_->fail(code);
  return code != LIBSSH2_ERROR_EAGAIN;
}

bool Channel::closed() {
  if (session_->lost()) return true;
  int code = ::libssh2_channel_wait_eof(raw_);
  if (code == 0) code = ::libssh2_channel_wait_closed(raw_);
  if (is_lost(code)) session_->fail(code);
  return code == 0;
}

std::size_t Channel::unread() const {
  unsigned long bytes = 0;
  ::libssh2_channel_window_read_ex(raw_, &bytes, nullptr);
  return bytes;
}

bool Channel::at_end() const { return ::libssh2_channel_eof(raw_) == 1; }

std::string Channel::how_it_ended() const {
  char* name = nullptr;
  std::size_t size = 0;
  ::libssh2_channel_get_exit_signal(raw_, &name, &size, nullptr, nullptr, nullptr, nullptr);
  if (name != nullptr) {
    std::string text = "signal " + printable({name, size}, longest_name);
    ::libssh2_free(session_->raw(), name);
    return text;
  }
  // Also what libssh2 says where the host has said nothing.
  const int status = ::libssh2_channel_get_exit_status(raw_);
  return status != 0 ? fmt::format("exit status {}", status) : std::string();
}

bool Channel::terminate() {
  if (session_->lost()) return true;
  return ::libssh2_channel_signal_ex(raw_, "TERM", 4) != LIBSSH2_ERROR_EAGAIN;
}

}  // namespace kirikae::ssh
