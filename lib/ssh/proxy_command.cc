#include "ssh/proxy_command.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "core/deadline.h"
#include "ssh/libssh2_error.h"
#include "ssh/printable.h"
#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t said_limit = 4096;
constexpr milliseconds end_patience{500};  // for why()
constexpr milliseconds until_term{300}, until_kill{1000};

std::string_view last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  return text.substr(text.find_last_of("\r\n") + 1);  // npos + 1 is 0
}

}  // namespace

Result<ProxyConnection> ProxyCommand::start(const std::string& text, const Target& target) {
  const auto failed = [&](int error) {
    return std::unexpected(
        Error(ErrorCode::local,
              fmt::format("the proxy command for '{}' can't be started: {}", target.name, system_cause(error)),
              "check ProxyCommand, and that SHELL is a shell")
            .on(target.name));
  };
  Ends socket = socket_pair();
  if (!socket.ours.valid()) return failed(errno);
  Ends errors = pipe_to_us();
  if (!errors.ours.valid()) return failed(errno);
  const char* chosen = std::getenv("SHELL");
  const std::string shell = chosen != nullptr && *chosen != '\0' ? chosen : "/bin/sh";
  Child child;
  // bash, where it is the first shell and its input a socket, takes itself for that of a remote command, and would read ~/.bashrc.
  const ChildCall call{.argv = {shell, "-c", "exec " + text}, .environment = {{"SHLVL", "1"}}, .socket = socket.theirs.get(),
                       .errors = errors.theirs.get()};
  if (const int error = child.start(call); error != 0) return failed(error);
  std::shared_ptr<ProxyCommand> command(new ProxyCommand(std::move(child), std::move(errors.ours)));
  return ProxyConnection{std::move(socket.ours), std::move(command)};
}

ProxyCommand::ProxyCommand(Child child, Fd errors)
    : child_(std::move(child)), errors_(std::move(errors)), thread_([this] { watch(); }) {}

ProxyCommand::~ProxyCommand() {
  stop_.wake();
  thread_.join();
}

void ProxyCommand::take_errors() {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = ::read(errors_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      errors_.reset();
      return;
    }
    const std::scoped_lock lock(mutex_);
    said_.append(buffer.data(), static_cast<std::size_t>(n));
    if (said_.size() > said_limit) said_.erase(0, said_.size() - said_limit);
  }
}

void ProxyCommand::look_for_end() {
  const auto ended = child_.end();
  if (!ended) return;
  if (errors_.valid()) take_errors();
  const std::scoped_lock lock(mutex_);
  end_ = *ended >= 0 ? fmt::format("with exit status {}", *ended) : "by signal " + signal_name(-*ended);
  changed_.notify_all();
}

void ProxyCommand::watch() {
  auto next = Deadline::never();  // the next signal
  int signal = 0;
  for (;;) {
    look_for_end();
    if (has_ended()) return;
    if (signal != 0 && next.passed()) {
      signal = signal == SIGHUP ? SIGTERM : SIGKILL;
      child_.signal(signal);
      next = signal == SIGTERM ? Deadline::in(until_kill) : Deadline::never();
    }
    pollfd polled[] = {
        {errors_.get(), POLLIN, 0}, {signal == 0 ? stop_.fd() : -1, POLLIN, 0}, {child_.exit_fd(), POLLIN, 0}};
    const auto until = child_.exit_fd() >= 0 ? next : next.tightened(Deadline::in(exit_poll));
    if (::poll(polled, 3, until.poll_milliseconds()) <= 0) continue;
    if (polled[0].revents != 0) take_errors();
    if (polled[1].revents != 0) {
      signal = SIGHUP;
      child_.signal(signal);
      next = Deadline::in(until_term);
    }
  }
}

bool ProxyCommand::has_ended() {
  const std::scoped_lock lock(mutex_);
  return end_.has_value();
}

std::string ProxyCommand::why() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, end_patience, [this] { return end_.has_value(); });
  const std::string line = printable(last_line(said_), 160);
  const std::string said = line.empty() ? "" : "it said '" + line + "'";
  if (end_) return "the proxy command ended " + *end_ + (said.empty() ? "" : ": " + said);
  return said.empty() ? "" : "the proxy command: " + said;
}

}  // namespace kirikae::ssh
