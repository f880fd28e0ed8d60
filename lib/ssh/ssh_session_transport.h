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

struct CarriedShell {
  std::unique_ptr<Link> link;  // its own; null: somebody else's
  ControlShell shell;
};
// A shell on a link that the host has let in. Errors: connect, lost, timeout, cancelled.
Result<CarriedShell> shell_on(std::unique_ptr<Link> link, ControlShell::Mode mode, const Wait& wait);

class SshSessionTransport final : public Transport {
 public:
  // One more session with the same host, and a shell there.
  using LogIn = std::function<Result<CarriedShell>(ControlShell::Mode mode, const Wait& wait)>;
  // Takes a link that the host has let in, and starts the control shell there. It returns before the shell has answered: a
  // host on which none can be started shows in the first call. `opening`: the channel for it, where it was asked for already.
  // Errors: connect, lost, timeout, cancelled.
  static Result<std::unique_ptr<SshSessionTransport>> start(std::unique_ptr<Link> link, std::unique_ptr<ShellOpening> opening,
                                                            LogIn log_in_again, const Wait& wait);
  // Likewise, with a control shell that has said its hello.
  static std::unique_ptr<SshSessionTransport> take(CarriedShell control, LogIn log_in_again);

  ~SshSessionTransport() override;

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

  SshSessionTransport(std::unique_ptr<Link> link, LogIn log_in_again);

  Result<Exit> exec_at_terminal(const host::Command& command, const OutputFn& on_output, const Wait& wait);
  // Waits for the end of the step that runs in `shell`: the control shell, or one for this step alone, perhaps with an upload. `begun`: with
  // the wait for that shell.
  Result<Exit> follow(ControlShell& shell, Upload* upload, const host::Command& command, const OutputFn& on_output,
                      const Wait& wait, Deadline::Clock::time_point begun = Deadline::Clock::now());
  // What goes on beside everything else: the heartbeat, the early data channel, and what the control shell says.
  void look_after(const ControlShell* but);
  void open_early();
  void heartbeat();
  void finish_early(const Wait& wait);
  // A shell for one step: for data the early one where it came to something, else a new one.
  Result<CarriedShell> shell_beside(ControlShell::Mode mode, const std::string& step, const Wait& wait);
  // On the control shell's link. `elsewhere`: whether another connection may have it, where this one hasn't.
  Result<ControlShell> shell_here(ControlShell::Mode mode, const std::string& step, const Wait& wait, bool& elsewhere);
  Result<CarriedShell> shell_elsewhere(ControlShell::Mode mode, const Wait& wait);
  void end_beside(const ControlShell& shell, Following& following);
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
