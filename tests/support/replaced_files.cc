#include "support/replaced_files.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "support/temp_dir.h"

namespace kirikae::test {

bool replace_files(const ReplacedFiles& replaced) {
  if (replaced.empty()) return true;
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return std::ranges::all_of(replaced, [](const auto& pair) {
    return ::mount(pair.second.c_str(), pair.first.c_str(), nullptr, MS_BIND, nullptr) == 0;
  });
}

bool can_replace_files() {
  static const bool can = [] {
    const TempDir folder;
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(replace_files({{"/etc", folder.path()}}) ? 0 : 1);
    int status = 1;
    return pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0 && ::geteuid() == 0;
  }();
  return can;
}

pid_t fork_server(const ReplacedFiles& replaced) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("can't fork");
  if (pid > 0) return pid;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent || !replace_files(replaced)) ::_exit(126);
  return 0;
}

}  // namespace kirikae::test
