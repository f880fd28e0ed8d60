// SshSessionTransport: the real Transport: one Link with one control shell for its whole life. Data has channels of its own there, or where
// the host opens one channel for each connection (sshd's MaxSessions 1, tinysshd) a connection of its own.
#pragma once

#include <memory>
#include <optional>

#include "ssh/control_shell.h"
#include "ssh/link.h"
#include "ssh/transport.h"
#include "ssh/upload.h"

namespace kirikae::ssh {

class SshSessionTransport final : public Transport {
 public:
  // Takes a link that the host has let in, and starts the control shell there. It returns before the shell has answered: a
  // host on which none can be started shows in the first call. `opening`: the channel for it, where it was asked for already.
  // `log_in_again`: one more session with the same host.
  // Errors: connect, lost, timeout, cancelled.
  using LogIn = std::function<Result<std::unique_ptr<Link>>(const Wait& wait)>;
  static Result<std::unique_ptr<SshSessionTransport>> start(std::unique_ptr<Link> link, std::unique_ptr<ShellOpening> opening,
                                                            LogIn log_in_again, const Wait& wait);

  ~SshSessionTransport() override;

  // For a link on which only the shell's hello says that the host has let us in. Errors: lost, connect (no shell was started),
  // timeout and cancelled, both without a message.
  // `beside` is called in every round, and there is one where `also` is readable.
  Result<void> wait_for_hello(const Wait& wait, int also, const std::function<void()>& beside);
  // What was said before it, on either stream; the last of it.
  [[nodiscard]] const std::string& noise() const { return control_->noise(); }

  Result<Exit> exec(const host::Command& command, const OutputFn& on_output, const Wait& wait) override;
  Result<Exit> send(const host::Command& command, ByteSource& data, const std::function<void(std::uint64_t)>& on_sent,
                    const OutputFn& on_output, const Wait& wait) override;
  Result<Exit> exec_row(const Row& row, const OutputFn& on_output, const Wait& wait) override;
  Result<Exit> send_row(const Row& row, const Payload& payload, const OutputFn& on_output, const Wait& wait) override;
  void hold(const std::string& text) override;
  void let_go() override { holds_ = false; }
  [[nodiscard]] std::string identity() const override { return link_->identity(); }
  Result<void> idle(const Waker& until) override;
  void close() override;

 private:
  struct Following;
  // A data channel that is made ready before it is wanted.
  struct Early {
    std::unique_ptr<ShellOpening> opening;
    std::optional<ControlShell> shell;
  };

  struct ShellBeside {
    std::unique_ptr<Link> link;  // its own; null: the control shell's
    ControlShell shell;
  };

  SshSessionTransport(std::unique_ptr<Link> link, LogIn log_in_again);

  Result<Exit> exec_at_terminal(const host::Command& command, const OutputFn& on_output, const Wait& wait);
  // Waits for the end of the step that runs in `shell`: the control shell, or one for this step alone, perhaps with an upload.
  Result<Exit> follow(ControlShell& shell, Upload* upload, const host::Command& command, const OutputFn& on_output,
                      const Wait& wait);
  // What goes on beside everything else: the heartbeat, the early data channel, and what the control shell says.
  void look_after(const ControlShell* but);
  void open_early();
  void heartbeat();
  void finish_early(const Wait& wait);
  // A shell for one step: for data the early one where it came to something, else a new one.
  Result<ShellBeside> shell_beside(ControlShell::Mode mode, const std::string& step, const Wait& wait);
  Result<ShellBeside> shell_elsewhere(ControlShell::Mode mode, const Wait& wait);
  // Sleeps until something may have come for either.
  void wait_beside(Link& carrier, Deadline until);
  [[nodiscard]] Result<void> ready_for(const host::Command& command, const Wait& wait) const;
  [[nodiscard]] std::optional<Error> trouble(const ControlShell& shell, const std::string& step) const;

  std::unique_ptr<Link> link_;  // before the shells, whose channels are its own
  const LogIn log_in_again_;
  std::optional<ControlShell> control_;
  std::optional<Early> early_;
  bool early_wanted_;
  bool holds_ = false;
  std::uint64_t last_step_ = 0;
  std::uint64_t last_ping_ = 0;
  Deadline next_ping_ = Deadline::never();
};

}  // namespace kirikae::ssh
