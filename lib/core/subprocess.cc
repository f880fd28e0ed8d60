#include "core/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/descriptor_limit.h"
#include "core/fd.h"
#include "core/waker.h"

namespace kirikae {
namespace {

using std::chrono::milliseconds;
constexpr auto grace = std::chrono::seconds(2);  // between TERM and KILL
constexpr auto drain_time =
    milliseconds(500);                        // for output that background children still write after the program's end
constexpr auto exit_poll = milliseconds(20);  // where the kernel has no pidfd

std::string reason(int number) { return std::generic_category().message(number); }
Error local_error(std::string message, int number) {
  return {ErrorCode::local, fmt::format("{}: {}", message, reason(number))};
}

// Above 2, so that dup2 onto 0, 1 and 2 in the child never meets a descriptor that it still needs.
Result<Fd> above_standard(Fd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved.valid()) return std::unexpected(local_error("no descriptor for a program's pipe", errno));
  return moved;
}

struct Pipe {
  Fd read_end, write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(local_error("no pipe for a program", errno));
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  TRY_ASSIGN(read_end, above_standard(std::move(read_end)));
  TRY_ASSIGN(write_end, above_standard(std::move(write_end)));
  return Pipe{std::move(read_end), std::move(write_end)};
}

// A file without a name holds the input: nothing has to be fed while the program runs, and a program that doesn't read
// can't stall or kill us.
Result<Fd> input_file(std::string_view input) {
  Fd file(input.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : ::memfd_create("input", MFD_CLOEXEC));
  if (!file.valid()) return std::unexpected(local_error("no file for a program's input", errno));
  while (!input.empty()) {
    const auto written = ::write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(local_error("a program's input can't be kept", errno));
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return above_standard(std::move(file));
}

std::vector<std::string> environment_of(const SubprocessCall& call) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!call.environment.contains(name) && std::ranges::find(call.left_out, name) == call.left_out.end()) merged.emplace_back(text);
  }
  for (const auto& [name, value] : call.environment) merged.push_back(fmt::format("{}={}", name, value));
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// As execvp finds it, but before the fork: nothing there may allocate.
Result<std::string> find_program(const SubprocessCall& call) {
  const std::string& name = call.argv.at(0);
  if (name.find('/') != std::string::npos) return name;
  const char* inherited = std::getenv("PATH");
  const auto given = call.environment.find("PATH");
  std::string path = inherited != nullptr ? inherited : "/usr/local/bin:/usr/bin:/bin";
  if (given != call.environment.end()) path = given->second;
  bool forbidden = false;
  for (std::size_t from = 0; !name.empty() && from <= path.size();) {
    const auto to = std::min(path.find(':', from), path.size());
    const std::string folder = path.substr(from, to - from);
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    forbidden = forbidden || errno == EACCES;
    from = to + 1;
  }
  return std::unexpected(
      Error(ErrorCode::local, fmt::format("program '{}' {}", name, forbidden ? "may not be executed" : "was not found"),
            fmt::format("looked in PATH: {}", path)));
}

// What the child needs, made before the fork.
struct Launch {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* folder;  // nullptr: ours
  int in, out, err, report;
};

struct LaunchFailure {
  int folder;  // 1: the folder could not be entered
  int number;
};

// Only async-signal-safe calls: other threads may have held any lock at the fork.
[[noreturn]] void become(const Launch& launch) {
  // A session of its own is a process group of its own, and has no terminal: a program that asks there fails at once instead of
  // being stopped in the background.
  ::setsid();
  give_back_descriptor_limit();
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  LaunchFailure failure{0, 0};
  if (launch.folder != nullptr && ::chdir(launch.folder) != 0) {
    failure = {1, errno};
  } else if (::dup2(launch.in, 0) < 0 || ::dup2(launch.out, 1) < 0 || ::dup2(launch.err, 2) < 0) {
    failure = {0, errno};
  } else {
#ifdef SYS_close_range
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);  // whatever a library opened without the flag
#endif
    ::execve(launch.program, launch.argv, launch.environment);
    failure = {0, errno};
  }
  [[maybe_unused]] const auto written = ::write(launch.report, &failure, sizeof failure);
  ::_exit(127);
}

// A started program and its process group; whoever leaves early leaves nothing running.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {
#ifdef SYS_pidfd_open
    exited_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
#endif
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child(Child&&) = delete;
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (!reaped_) {
      signal_group(SIGKILL);
      reap();
    }
  }

  [[nodiscard]] int exit_fd() const { return exited_.get(); }  // readable once it has ended; -1 where unknown
  // The zombie stays, so that its id keeps naming its group.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }
  void signal_group(int signal) const { ::kill(-pid_, signal); }
  SubprocessEnd reap() {
    int raw = 0;
    while (::waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    if (WIFSIGNALED(raw)) return {128 + WTERMSIG(raw), WTERMSIG(raw)};
    return {WEXITSTATUS(raw), 0};
  }

 private:
  pid_t pid_;
  Fd exited_;
  bool reaped_ = false;
};

// In a child of ours: waits for the end of a pipe whose other end only we have. Only async-signal-safe calls, as above.
[[noreturn]] void stand_guard(int pipe) {
  ::setsid();
  if (::dup2(pipe, 0) < 0) ::_exit(1);
  ::closefrom(1);
  const auto take = [](void* into, std::size_t size) {
    ssize_t got = 0;
    do {
      got = ::read(0, into, size);
    } while (got < 0 && errno == EINTR);
    return got;
  };
  pid_t group = 0;
  char none = 0;
  if (take(&group, sizeof group) == sizeof group && take(&none, 1) == 0) ::kill(-group, SIGKILL);
  ::_exit(0);
}

// Kills a program's process group where we end before it; the parent's death signal would reach its first process alone.
class Guard {
 public:
  Guard(pid_t pid, Fd pipe) : pid_(pid), pipe_(std::move(pipe)) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  Guard(Guard&&) = delete;
  Guard& operator=(Guard&&) = delete;
  ~Guard() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  void watch(pid_t group) const { [[maybe_unused]] const auto written = ::write(pipe_.get(), &group, sizeof group); }

 private:
  pid_t pid_;
  Fd pipe_;
};

Result<std::unique_ptr<Guard>> start_guard() {
  TRY_ASSIGN(Pipe pipe, make_pipe());
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(local_error("no process can be started", errno));
  if (pid == 0) stand_guard(pipe.read_end.get());
  return std::make_unique<Guard>(pid, std::move(pipe.write_end));
}

struct Running {
  pid_t pid = 0;
  Fd out, err;
  std::unique_ptr<Guard> guard;  // null: there is none
};

Error launch_error(const SubprocessCall& call, const LaunchFailure& failure) {
  if (failure.folder != 0) {
    return local_error(fmt::format("folder '{}' can't be entered to run '{}' there", call.folder, call.argv[0]),
                       failure.number);
  }
  return local_error(fmt::format("program '{}' can't be run", call.argv[0]), failure.number);
}

Result<Running> start(const SubprocessCall& call) {
  if (call.argv.empty()) return std::unexpected(Error(ErrorCode::internal, "a program without a name"));
  TRY_ASSIGN(const std::string program, find_program(call));
  auto arguments = call.argv;
  auto environment = environment_of(call);
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);
  TRY_ASSIGN(const Fd in, input_file(call.input));
  TRY_ASSIGN(Pipe out, make_pipe());
  TRY_ASSIGN(Pipe err, make_pipe());
  TRY_ASSIGN(Pipe report, make_pipe());
  std::unique_ptr<Guard> guard;
  if (call.guarded) {
    TRY_ASSIGN(guard, start_guard());
  }
  const Launch launch{program.c_str(),
                      argument_pointers.data(),
                      environment_pointers.data(),
                      call.folder.empty() ? nullptr : call.folder.c_str(),
                      in.get(),
                      out.write_end.get(),
                      err.write_end.get(),
                      report.write_end.get()};
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(local_error(fmt::format("program '{}' can't be started", call.argv[0]), errno));
  if (pid == 0) become(launch);
  if (guard) guard->watch(pid);
  report.write_end.reset();
  LaunchFailure failure{};
  ssize_t got = 0;
  do {  // ends with the exec, which closes the other end
    got = ::read(report.read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(launch_error(call, failure));
  }
  for (const int fd : {out.read_end.get(), err.read_end.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return Running{pid, std::move(out.read_end), std::move(err.read_end), std::move(guard)};
}

// Follows one program to its end.
class Watch {
 public:
  Watch(const SubprocessCall& call, Running running)
      : call_(call), guard_(std::move(running.guard)), child_(running.pid), out_(std::move(running.out)), err_(std::move(running.err)) {}

  Result<SubprocessEnd> run() {
    const std::stop_callback wake_us(call_.stop, [this] { waker_.wake(); });
    while (!finished()) wait();
    // What the program itself wrote is in the pipes since its end, however late we come to read it.
    pump(out_, false);
    pump(err_, true);
    if (!verdict_) return child_.reap();
    child_.signal_group(SIGKILL);  // who ignored TERM, while the zombie still guards the group's id
    child_.reap();
    return std::unexpected(*std::move(verdict_));
  }

 private:
  bool finished() {
    if (!ended_ && child_.has_ended()) {
      ended_ = true;
      drained_ = verdict_ ? kill_at_ : Deadline::in(drain_time);
    }
    if (!ended_) judge();
    return ended_ && ((!out_.valid() && !err_.valid()) || drained_.passed());
  }

  void judge() {
    if (verdict_) {
      if (kill_at_.passed()) child_.signal_group(SIGKILL);
      return;
    }
    if (call_.stop.stop_requested()) {
      verdict_ = Error(ErrorCode::cancelled, fmt::format("'{}' was stopped", call_.argv[0]));
    } else if (call_.deadline.passed()) {
      verdict_ = Error(ErrorCode::timeout, fmt::format("'{}' took too long and was stopped", call_.argv[0]));
    } else {
      return;
    }
    child_.signal_group(SIGTERM);
    kill_at_ = Deadline::in(grace);
  }

  [[nodiscard]] int wait_milliseconds() const {
    if (ended_) return drained_.poll_milliseconds();
    auto until = verdict_ ? kill_at_ : call_.deadline;
    if (verdict_ && kill_at_.passed()) until = Deadline::in(exit_poll);  // KILL is on its way
    if (child_.exit_fd() < 0) until = until.tightened(Deadline::in(exit_poll));
    return until.poll_milliseconds();
  }

  void wait() {
    std::array<pollfd, 4> fds{pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                              pollfd{ended_ ? -1 : child_.exit_fd(), POLLIN, 0}, pollfd{waker_.fd(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), wait_milliseconds()) <= 0) return;  // EINTR: look again
    if (fds[0].revents != 0) pump(out_, false);
    if (fds[1].revents != 0) pump(err_, true);
    if (fds[3].revents != 0) waker_.clear();
  }

  // At most what a pipe holds, so that a program that never stops writing can't keep us from the clock.
  void pump(Fd& pipe, bool is_error) {
    for (int piece = 0; piece < 16 && pipe.valid(); ++piece) {
      const auto got = ::read(pipe.get(), buffer_.data(), buffer_.size());
      if (got > 0) {
        if (call_.on_output) call_.on_output(is_error, {buffer_.data(), static_cast<std::size_t>(got)});
      } else if (got < 0 && errno == EINTR) {
        continue;
      } else if (got < 0 && errno == EAGAIN) {
        return;
      } else {
        pipe.reset();
      }
    }
  }

  const SubprocessCall& call_;
  Waker waker_;
  std::unique_ptr<Guard> guard_;
  Child child_;
  Fd out_, err_;
  bool ended_ = false;
  Deadline drained_ = Deadline::never();  // the last moment for output after the end
  Deadline kill_at_ = Deadline::never();
  std::optional<Error> verdict_;  // why it was told to end
  std::array<char, 65536> buffer_{};
};

}  // namespace

void run_in_shell(SubprocessCall& call, std::string text) {
  call.argv = {"/bin/sh", "-e", "-c", "kirikae_run=$KIRIKAE_RUN; unset KIRIKAE_RUN; eval \"$kirikae_run\""};
  call.environment["KIRIKAE_RUN"] = std::move(text);
}

Result<SubprocessEnd> run_subprocess(const SubprocessCall& call) {
  if (call.stop.stop_requested()) {
    return std::unexpected(
        Error(ErrorCode::cancelled, fmt::format("stopped before '{}' was started", call.argv.empty() ? "" : call.argv[0])));
  }
  TRY_ASSIGN(Running running, start(call));
  return Watch(call, std::move(running)).run();
}

}  // namespace kirikae
