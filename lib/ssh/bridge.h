// Bridge: gives a program of this machine that wants a remote shell, such as rsync, a command on a host by a session that is there
// already. What it calls instead of ssh is this program once more, which hands over its two streams and the command's words, through a
// socket in a folder that nobody else may enter, and waits for the command's status.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/byte_source.h"
#include "core/fd.h"
#include "ssh/child.h"
#include "ssh/private_folder.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// Its value is the socket's path. Whoever has it in the environment was called as a remote shell.
inline constexpr const char* bridge_variable = "KIRIKAE_BRIDGE";

// The run's side, for one command. Its thread copies; all calls come from the host's own thread.
class Bridge {
 public:
  struct Call {
    std::string shell;  // our program
    // The words of the program, argv[0] looked up in PATH; it finds its remote shell and the file there.
    std::function<std::vector<std::string>(const std::string& shell, const std::string& file)> argv;
    std::string file;   // what is in that file
    std::string first;  // goes to the host before anything of the program
    std::vector<std::string> without{};  // ChildCall
  };
  // Starts the program, and waits until it has called its remote shell. Errors: local (it can't be started, or has ended before: with its own
  // words), timeout, cancelled.
  static Result<std::unique_ptr<Bridge>> start(const Call& call, const Wait& wait);
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge();  // the program is killed

  // What it wants to be run, without the host's name.
  [[nodiscard]] const std::vector<std::string>& command() const { return command_; }
  // What goes to the command: it ends when the program says no more. The bridge outlives it.
  std::unique_ptr<ByteSource> data();
  // What comes from the command.
  void hear(std::string_view bytes);
  // What comes from it makes no sense: data() ends with this error.
  void give_up(Error error);

  struct End {
    int status = 0;     // exit status, or minus the signal
    std::string words;  // the last of what it has said on standard error
  };
  // The command has ended: the program is told the status, and waited for. None: it had to be killed.
  std::optional<End> finish(int status);

 private:
  class Source;

  explicit Bridge(std::string program) : program_(std::move(program)) {}
  Result<void> await_call(const Fd& door, const Wait& wait);
  [[nodiscard]] bool let_in(const Fd& door);
  void copy(const std::stop_token& stop);
  void say_status();
  void read_program();
  void write_program();
  void read_errors();

  const std::string program_;  // its name, for errors
  std::vector<std::string> command_;
  Child child_;
  Fd caller_;  // our program once more, which waits for the status
  const std::shared_ptr<Waker> wake_ = std::make_shared<Waker>();  // of the thread

  std::mutex mutex_;  // for all below
  Fd from_program_, to_program_, errors_;
  std::string to_host_;
  std::size_t taken_ = 0;  // of to_host_
  std::shared_ptr<Waker> reader_;  // waits for more
  std::string from_host_;
  std::optional<int> status_;  // of the host's command, once that has ended
  std::optional<Error> failure_;  // of data()
  std::string words_;

  std::jthread thread_;  // last: it uses all the others
};

// The program's side: `words` are what a remote shell is called with. Its exit status; 255: the run is gone.
int carry_over(const std::string& path, const std::vector<std::string>& words);

}  // namespace kirikae::ssh
