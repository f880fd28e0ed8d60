// Control: the real script, run by one of this machine's shells, spoken to over pipes as the SSH engine does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.h"
#include "host/command.h"
#include "release/layout.h"
#include "support/replaced_files.h"
#include "support/temp_dir.h"

namespace kirikae::test {

namespace fs = std::filesystem;

struct Shell {
  std::string name;     // "dash"
  std::string program;  // stands where the script says /bin/sh
  std::string path;     // PATH of everything that runs there
};
std::ostream& operator<<(std::ostream& stream, const Shell& shell);

// Those of dash, bash, ksh, mksh and busybox (with nothing but busybox in PATH) that are installed, at least two; where not all is tried
// (support/thorough.h), one of them, by the name of the test.
std::vector<Shell> shells();
std::vector<Shell> shells_and(const std::string& name);  // if that is installed, too
std::vector<Shell> all_shells();                         // the same of these, posh and zsh
Shell busybox_without(const std::set<std::string>& applets, const TempDir& folder);
std::string with_shell(std::string text, const Shell& shell);  // instead of /bin/sh

void open_to_all(const TempDir& folder);  // to whom the shells run as

// A host's disk. What runs there is no superuser, also where the tests are.
class Disk {
 public:
  explicit Disk(const std::string& deploy_to = "srv/app");
  static constexpr unsigned second_group = 65533;  // who runs there is in it, too, where the tests are the superuser's

  [[nodiscard]] const release::Layout& layout() const { return layout_; }
  [[nodiscard]] std::string path(std::string_view below_deploy_to) const;
  [[nodiscard]] std::string temporary() const { return folder_ / "tmp"; }  // TMPDIR there
  [[nodiscard]] std::string operator/(std::string_view below) const { return folder_ / below; }
  // Below the folder that holds everything; belongs to whom the shells run as.
  void write(std::string_view below, std::string_view content, mode_t mode = 0644) const;
  void make_folder(std::string_view below, mode_t mode = 0755) const;
  void make_link(const std::string& target, std::string_view below) const;
  // Below deploy_to.
  [[nodiscard]] std::string read(std::string_view below_deploy_to) const;  // empty: it isn't there
  [[nodiscard]] std::string link(std::string_view below_deploy_to) const;  // what a symbolic link contains; empty: none
  [[nodiscard]] bool exists(std::string_view below_deploy_to) const;       // links are not followed
  [[nodiscard]] std::string state(std::string_view id) const;              // from its record
  [[nodiscard]] std::vector<std::string> list(std::string_view below) const;  // names, sorted
  [[nodiscard]] mode_t mode(std::string_view below_deploy_to) const;

 private:
  TempDir folder_;
  release::Layout layout_;
};

struct Ended {
  int status = -1;  // -1: no trailer came
  std::string out, err;
};
std::ostream& operator<<(std::ostream& stream, const Ended& ended);

// In a child that has just been forked: runs `line` as the host's login shell would. `replaced`: what it sees at the place of files of the system.
[[noreturn]] void run_there(const Shell& shell, const Disk& disk, const std::string& line, const ReplacedFiles& replaced);

class Control {
 public:
  // Starts it and waits for its hello. `noise` is what a login shell runs before; `mode` control or data.
  Control(const Shell& shell, const Disk& disk, const std::string& mode = "control", const std::string& noise = ":",
          const ReplacedFiles& replaced = {});
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void say(std::string_view bytes) const;     // on the standard input; nothing happens where that is closed
  void begin(int id, std::string_view text, bool ours = false);  // `step` or `call`, and waits for its `begin`
  Ended end(int id, std::chrono::seconds patience = std::chrono::seconds(20));
  Ended run(std::string_view text, bool ours = false);  // begin and end, under the next number
  void begin(int id, const host::Command& command);             // with its input
  Ended run(const host::Command& command);
  Ended run(const std::vector<host::Command>& commands);
  bool wait_for(std::string_view frame, std::chrono::seconds patience = std::chrono::seconds(20));
  bool wait_for_output(std::string_view text, std::chrono::seconds patience = std::chrono::seconds(20));
  bool wait_for_error(std::string_view text, std::chrono::seconds patience = std::chrono::seconds(20));
  bool wait_until_full() const;  // until what nobody reads fills standard output's pipe
  // Standard output since the last begin(), with frames as they stand in it.
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& nonce() const { return nonce_; }
  void close_input() { input_.reset(); }
  void hang_up() const;  // SIGHUP to the control shell
  int wait();            // for the shell's own end: its status; -1 where it doesn't come

 private:
  bool read_some(int milliseconds);
  [[nodiscard]] std::string frame(std::string_view words) const {
    return "\n" + nonce_ + " " + std::string(words) + "\n";
  }

  pid_t pid_ = -1;
  Fd input_, output_, error_;
  std::string nonce_, out_, err_;
  int id_ = 0;
};

// A step on a data channel, with `payload` as its standard input.
Ended send(const Shell& shell, const Disk& disk, const host::Command& command, std::string_view payload);

bool is_running(pid_t pid);  // the dead that nobody has taken note of don't

}  // namespace kirikae::test
