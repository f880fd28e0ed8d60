// Programs beside us that carry connections: proxy commands and the system's ssh.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fd.h"

namespace kirikae::ssh {

// Two ends that don't reach our children by themselves; ours doesn't block.
struct Ends {
  Fd ours, theirs;
};
// A stream socket, and a pipe that is read here. Invalid: no descriptor is left, errno says why.
Ends socket_pair();
Ends pipe_to_us();

// From one look for a Child's end to the next, where it has no exit_fd().
inline constexpr std::chrono::milliseconds exit_poll{20};

struct ChildCall {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::map<std::string, std::string> environment{};  // added to ours
  std::vector<std::string> without{};                // variables of ours that it shall not have: patterns with * and ?
  int socket = -1;  // its standard input and output
  int errors = -1;
};

// A running program in a session of its own: a process group, without a terminal where it would be stopped for a question.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();  // KILL to the whole group

  // 0, or an errno.
  int start(const ChildCall& call);

  [[nodiscard]] pid_t id() const { return pid_; }
  [[nodiscard]] bool runs() const { return pid_ > 0 && !end_; }
  // Readable once it has ended; -1 where the kernel can't tell, or it is known already.
  [[nodiscard]] int exit_fd() const { return end_ ? -1 : exited_.get(); }
  // How it ended: exit status, or minus the signal. The zombie stays, so that its id keeps naming its group.
  std::optional<int> end();
  void signal(int number) const;

 private:
  void reap();

  pid_t pid_ = -1;
  Fd exited_;  // a pidfd; none where the kernel has none
  std::optional<int> end_;
};

}  // namespace kirikae::ssh
