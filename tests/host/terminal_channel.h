// TerminalChannel: a channel with a terminal, as the SSH engine has it for one step: the real line and script, run by one of this machine's
// shells.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "golden/pty.h"
#include "host/command.h"
#include "host/control.h"

namespace kirikae::test {

class TerminalChannel {
 public:
  // Starts the shell and waits until it is fit for the script.
  TerminalChannel(const Shell& shell, const Disk& disk, const ReplacedFiles& replaced = {})
      : shell_(shell), pty_([&]() -> int { run_there(shell, disk, with_shell(host::terminal_line(), shell), replaced); }) {
    if (!says(std::string(host::terminal_ready) + "\n")) throw std::runtime_error(shell.name + " has no terminal: " + pty_.output());
  }

  void begin(const host::Command& command) {
    const auto whole = [&](std::string_view text) { return with_shell(std::string(text), shell_); };
    pty_.type(host::at_terminal(whole(host::data_script()), nonce_, 1, whole(command.text)));
    says(frame("begin 1"));
  }
  // The step's end, and the channel's with it.
  Ended end() {
    const std::string begun = frame("begin 1"), trailer = "\n" + nonce_ + " end 1 ";
    Ended ended;
    const bool told = says(trailer) && ends();
    ended.out = pty_.output();
    const auto from = ended.out.find(begun), at = ended.out.find(trailer);
    if (!told || from == std::string::npos) return ended;
    ended.status = std::stoi(ended.out.substr(at + trailer.size()));
    ended.out = ended.out.substr(from + begun.size(), at - from - begun.size());
    return ended;
  }
  Ended run(const host::Command& command) {
    begin(command);
    return end();
  }

  // A busy machine's patience.
  bool says(const std::string& text) { return pty_.says(text, std::chrono::seconds(40)); }
  void interrupt() const { pty_.type("\x03"); }
  [[nodiscard]] pid_t process() const { return pty_.pid(); }  // which leads the group of all that is on the channel
  [[nodiscard]] const std::string& output() const { return pty_.output(); }
  // Whether the channel's shell does.
  bool ends() { return pty_.end() >= 0 || pty_.end() >= 0; }

 private:
  [[nodiscard]] std::string frame(const std::string& words) const { return "\n" + nonce_ + " " + words + "\n"; }

  const Shell shell_;
  const std::string nonce_ = random_hex(16);
  golden::Pty pty_;
};

}  // namespace kirikae::test
