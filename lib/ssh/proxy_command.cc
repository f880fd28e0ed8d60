#include "ssh/proxy_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
constexpr milliseconds exit_poll{20};  // where the kernel has no pidfd

struct Ends {
  Fd ours, theirs;
};

// Above 2, so that giving the child its three streams never meets a descriptor that is still needed.
Fd above_standard(int fd) {
  if (fd > STDERR_FILENO) return Fd(fd);
  Fd moved(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  ::close(fd);
  return moved;
}

struct Spawn {
  Spawn() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// 0, or an errno.
int spawn(const std::string& text, int socket, int errors, pid_t& pid) {
  Spawn with;
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&with.attributes, &none);
  ::posix_spawnattr_setsigdefault(&with.attributes, &all);
  // A session of its own is a process group of its own, and has no terminal where it would be stopped for a question.
  ::posix_spawnattr_setflags(&with.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawn_file_actions_adddup2(&with.actions, socket, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&with.actions, socket, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&with.actions, errors, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&with.actions, STDERR_FILENO + 1);
  const char* chosen = std::getenv("SHELL");
  std::string shell = chosen != nullptr && *chosen != '\0' ? chosen : "/bin/sh";
  std::string option = "-c";
  std::string line = "exec " + text;
  char* argv[] = {shell.data(), option.data(), line.data(), nullptr};
  return ::posix_spawn(&pid, shell.c_str(), &with.actions, &with.attributes, argv, environ);
}

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
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed(errno);
  Ends socket{above_standard(ends[0]), above_standard(ends[1])};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(errno);
  Ends errors{above_standard(ends[0]), above_standard(ends[1])};
  for (const auto* fd : {&socket.ours, &socket.theirs, &errors.ours, &errors.theirs}) {
    if (!fd->valid()) return failed(EMFILE);
  }
  pid_t pid = -1;
  if (const int error = spawn(text, socket.theirs.get(), errors.theirs.get(), pid); error != 0) return failed(error);
  for (const auto* fd : {&socket.ours, &errors.ours}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  std::shared_ptr<ProxyCommand> command(new ProxyCommand(pid, std::move(errors.ours)));
  return ProxyConnection{std::move(socket.ours), std::move(command)};
}

ProxyCommand::ProxyCommand(pid_t pid, Fd errors)
    : pid_(pid),
      errors_(std::move(errors)),
#ifdef SYS_pidfd_open
      exited_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))),
#endif
      thread_([this] { watch(); }) {
}

ProxyCommand::~ProxyCommand() {
  stop_.wake();
  thread_.join();
  ::kill(-pid_, SIGKILL);  // what it has left behind, while the zombie still guards the group's id
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
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
  siginfo_t info{};
  // The zombie stays, so that its id keeps naming its group.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return;
  if (errors_.valid()) take_errors();
  const std::scoped_lock lock(mutex_);
  end_ = info.si_code == CLD_EXITED ? fmt::format("with exit status {}", info.si_status)
                                    : "by signal " + signal_name(info.si_status);
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
      ::kill(-pid_, signal);
      next = signal == SIGTERM ? Deadline::in(until_kill) : Deadline::never();
    }
    pollfd polled[] = {
        {errors_.get(), POLLIN, 0}, {signal == 0 ? stop_.fd() : -1, POLLIN, 0}, {exited_.get(), POLLIN, 0}};
    const auto until = exited_.valid() ? next : next.tightened(Deadline::in(exit_poll));
    if (::poll(polled, 3, until.poll_milliseconds()) <= 0) continue;
    if (polled[0].revents != 0) take_errors();
    if (polled[1].revents != 0) {
      signal = SIGHUP;
      ::kill(-pid_, signal);
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
