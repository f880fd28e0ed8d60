#include "ssh/child.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "core/descriptor_limit.h"

namespace kirikae::ssh {
namespace {

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

// What a program needs itself, whatever a pattern says.
constexpr std::array needed = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "SSH_AUTH_SOCK"};

std::vector<std::string> environment_of(const ChildCall& call) {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    const bool needs = std::ranges::find(needed, name) != needed.end();
    const auto matches = [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; };
    if (!call.environment.contains(name) && (needs || std::ranges::none_of(call.without, matches))) variables.push_back(text);
  }
  for (const auto& [name, value] : call.environment) variables.push_back(name + '=' + value);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// So that giving a child its three streams never meets a descriptor that is still needed. Invalid: there is none left.
Fd above_standard(int fd) {
  if (fd > STDERR_FILENO) return Fd(fd);
  Fd moved(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  ::close(fd);
  return moved;
}

Ends both_above(const std::array<int, 2>& ends) {
  Ends both{above_standard(ends[0]), above_standard(ends[1])};
  if (!both.ours.valid() || !both.theirs.valid()) return {};
  ::fcntl(both.ours.get(), F_SETFL, O_NONBLOCK);
  return both;
}

}  // namespace

Ends socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return {};
  return both_above(ends);
}

Ends pipe_to_us() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  return both_above(ends);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exited_(std::move(other.exited_)), end_(other.end_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exited_, other.exited_);
  std::swap(end_, other.end_);
  return *this;
}

Child::~Child() { reap(); }

int Child::start(const ChildCall& call) {
  Spawn with;
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&with.attributes, &none);
  ::posix_spawnattr_setsigdefault(&with.attributes, &all);
  ::posix_spawnattr_setflags(&with.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawn_file_actions_adddup2(&with.actions, call.socket, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&with.actions, call.socket, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&with.actions, call.errors, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&with.actions, STDERR_FILENO + 1);
  auto arguments = call.argv;
  auto variables = environment_of(call);
  const int error = ::posix_spawnp(&pid_, arguments.front().c_str(), &with.actions, &with.attributes, pointers(arguments).data(),
                                   pointers(variables).data());
  if (error != 0) {
    pid_ = -1;
    return error;
  }
  give_back_descriptor_limit(pid_);  // it runs already, but has hardly begun
#ifdef SYS_pidfd_open
  exited_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
#endif
  return 0;
}

std::optional<int> Child::end() {
  siginfo_t info{};
  if (!runs() || ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return end_;
  end_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  return end_;
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(-pid_, number);
}

void Child::reap() {
  if (pid_ <= 0) return;
  signal(SIGKILL);  // what it has left behind, too, while the zombie still guards the group's id
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace kirikae::ssh
