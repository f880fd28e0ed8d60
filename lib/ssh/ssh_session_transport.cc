#include "ssh/ssh_session_transport.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "ssh/joined_row.h"
#include "ssh/session_errors.h"
#include "ssh/socket.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds open_limit{20'000};  // for a channel, and for the request on it
constexpr seconds second_login_limit{40};   // the control shell hears nothing meanwhile, and gives us up after a minute
constexpr seconds look_at_control{1};       // beside a payload on another connection; only pongs come there
constexpr seconds heartbeat_interval{10};   // the host gives us up after a minute without one
constexpr std::uint64_t heartbeats_missed = 6;
constexpr seconds ending_limit{20};  // the host kills after five seconds, counted slowly where it is busy
constexpr milliseconds close_limit{800};

void ignore(Stream, std::string_view) {}

bool has_terminal(const Row& row) {
  return std::ranges::any_of(row.commands, [](const host::Command& command) { return command.terminal; });
}

Deadline hello_until(const ControlShell& shell) { return Deadline::in(shell.started_at() + hello_limit - Deadline::Clock::now()); }

bool readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

Result<CarriedShell> shell_on(std::unique_ptr<Link> link, ControlShell::Mode mode, const Wait& wait) {
  const auto opening = mode == ControlShell::Mode::terminal ? link->open_terminal() : link->open_shell();
  TRY_ASSIGN(auto channel, opening->finish(open_limit, wait, {}));
  ControlShell shell(*link, std::move(channel), mode);
  return CarriedShell{std::move(link), std::move(shell)};
}

// How far the wait for a step's end has come.
struct SshSessionTransport::Following {
  Deadline::Clock::time_point begun;
  std::optional<Error> ending{};  // it has been told to end; empty message: the text is made at the end
  Deadline::Clock::duration after{};
  Deadline until = Deadline::never();  // for the host to say that it has ended
  bool was_ended_beside = false;       // from the control shell
  bool ends_link = false;              // its own, with it

  void end(Error why) {
    ending = std::move(why);
    after = Deadline::Clock::now() - begun;
    until = Deadline::in(ending_limit);
  }
};

Result<std::unique_ptr<SshSessionTransport>> SshSessionTransport::start(std::unique_ptr<Link> link, std::unique_ptr<ShellOpening> asked_for,
                                                                        LogIn log_in_again, const Wait& wait) {
  std::unique_ptr<SshSessionTransport> transport(new SshSessionTransport(std::move(link), std::move(log_in_again)));
  const auto opening = asked_for ? std::move(asked_for) : transport->link_->open_shell();  // a local: it goes before the link
  // As soon as there is a channel, the next one can be asked for; it needn't wait for this one's shell.
  const auto beside = [&] {
    if (opening->is_open() && transport->early_wanted_) transport->open_early();
  };
  TRY_ASSIGN(auto channel, opening->finish(open_limit, wait, beside));
  transport->control_.emplace(*transport->link_, std::move(channel), ControlShell::Mode::control);
  transport->control_->pump(ignore);
  return transport;
}

std::unique_ptr<SshSessionTransport> SshSessionTransport::take(CarriedShell control, LogIn log_in_again) {
  std::unique_ptr<SshSessionTransport> transport(new SshSessionTransport(std::move(control.link), std::move(log_in_again)));
  transport->control_.emplace(std::move(control.shell));
  if (transport->early_wanted_) transport->open_early();
  return transport;
}

SshSessionTransport::SshSessionTransport(std::unique_ptr<Link> link, LogIn log_in_again)
    : link_(std::move(link)),
      log_in_again_(std::move(log_in_again)),
      early_wanted_(link_->target().payload),
      next_ping_(Deadline::in(heartbeat_interval)) {}

SshSessionTransport::~SshSessionTransport() { close(); }

Result<Exit> SshSessionTransport::exec(const host::Command& command, const OutputFn& on_output, const Wait& wait) {
  TRY(ready_for(command, wait));
  if (command.terminal) return exec_at_terminal(command, on_output, wait);
  control_->start_step(++last_step_, command);
  return follow(*control_, nullptr, command, on_output, wait);
}

Result<Exit> SshSessionTransport::send(const host::Command& command, ByteSource& data,
                                       const std::function<void(std::uint64_t)>& on_sent, const OutputFn& on_output,
                                       const Wait& wait) {
  TRY(ready_for(command, wait));
  const auto begun = Deadline::Clock::now();
  TRY_ASSIGN(auto beside, shell_beside(ControlShell::Mode::data, command.name, wait));
  ControlShell& shell = beside.shell;
  if (control_->has_unpacked()) shell.will_unpack();
  shell.start_step(1, command);
  Upload upload(data, on_sent, shell.link().payload_limit());
  return follow(shell, &upload, command, on_output, wait, begun);
}

Result<Exit> SshSessionTransport::exec_at_terminal(const host::Command& command, const OutputFn& on_output, const Wait& wait) {
  const auto begun = Deadline::Clock::now();
  TRY_ASSIGN(auto beside, shell_beside(ControlShell::Mode::terminal, command.name, wait));
  ControlShell& shell = beside.shell;
  shell.start_step(1, command);
  return follow(shell, nullptr, command, on_output, wait, begun);
}

Result<Exit> SshSessionTransport::exec_row(const Row& row, const OutputFn& on_output, const Wait& wait) {
  // The host's shell gets a step's text as one string of its environment, which Linux bounds by 128 KiB.
  constexpr std::size_t longest = std::size_t{96} * 1024;
  JoinedRow joined(row, on_output);
  if (joined.command().text.size() > longest || has_terminal(row)) return Transport::exec_row(row, on_output, wait);
  const auto hear = [&](Stream stream, std::string_view bytes) { joined.hear(stream, bytes); };
  return joined.end(exec(joined.command(), hear, wait));
}

Result<Exit> SshSessionTransport::send_row(const Row& row, const Payload& payload, const OutputFn& on_output,
                                           const Wait& wait) {
  if (has_terminal(row)) return Transport::send_row(row, payload, on_output, wait);
  JoinedRow joined(row, on_output);
  const auto hear = [&](Stream stream, std::string_view bytes) { joined.hear(stream, bytes); };
  return joined.end(send(joined.command(), payload.data, payload.sent, hear, wait));
}

void SshSessionTransport::hold(const std::string& text) {
  holds_ = true;
  control_->hold(text);
}

Result<CarriedShell> SshSessionTransport::shell_beside(ControlShell::Mode mode, const std::string& step, const Wait& wait) {
  look_after(nullptr);
  bool elsewhere = false;
  auto shell = shell_here(mode, step, wait, elsewhere);
  if (shell) return CarriedShell{nullptr, *std::move(shell)};
  auto beside = elsewhere && log_in_again_ ? shell_elsewhere(mode, wait) : std::unexpected(std::move(shell).error());
  if (!beside) return std::unexpected(std::move(beside).error().with_context("running '" + step + "'"));
  return beside;
}

Result<ControlShell> SshSessionTransport::shell_here(ControlShell::Mode mode, const std::string& step, const Wait& wait, bool& elsewhere) {
  const bool terminal = mode == ControlShell::Mode::terminal;
  std::optional<ControlShell> shell;
  if (early_ && !terminal && early_->shell) {
    shell.emplace(std::move(*early_->shell));
    early_.reset();
  } else {
    if (terminal) finish_early(wait);
    const auto opening = terminal ? link_->open_terminal() : early_ ? std::move(early_->opening) : link_->open_shell();
    if (!terminal) early_.reset();
    auto channel = opening->finish(open_limit, wait, {});
    // A host that has opened the channel gives no terminal on another connection either.
    elsewhere = !channel && channel.error().code == ErrorCode::connect && !(terminal && opening->is_open());
    if (!channel) return std::unexpected(std::move(channel).error());
    shell.emplace(*link_, *std::move(channel), mode);
  }
  if (!link_->refuses_late()) return *std::move(shell);
  const StopWakes wakes(wait.stop, *link_->waker());
  while (!shell->is_ready() && !trouble(*shell, step) && !wait.stop.stop_requested() && !wait.deadline.passed()) {
    link_->wait(wait.deadline.tightened(next_ping_).tightened(shell->next_look()).tightened(hello_until(*shell)));
    look_after(nullptr);
    shell->pump(ignore);
  }
  elsewhere = is_refused(*shell);
  if (elsewhere) return std::unexpected(shell_error(*link_, *shell, step));
  return *std::move(shell);
}

Result<CarriedShell> SshSessionTransport::shell_elsewhere(ControlShell::Mode mode, const Wait& wait) {
  next_ping_ = Deadline::in({});
  look_after(nullptr);
  TRY_ASSIGN(auto beside, log_in_again_(mode, {wait.deadline.tightened(Deadline::in(second_login_limit)), wait.stop}));
  if (beside.link->identity() != link_->identity()) {
    return std::unexpected(said_of_host(*link_, ErrorCode::connect,
                                        fmt::format("{} opens one channel for each connection, and a second connection led to a host "
                                                    "with another key",
                                                    place_of(link_->target())),
                                        "allow more channels (MaxSessions in its sshd_config), or name each machine by itself"));
  }
  return beside;
}

// One that is on a connection of its own, the only channel of which it has, is ended from here where that knows no signals; once its number is known.
void SshSessionTransport::end_beside(const ControlShell& shell, Following& following) {
  const long process = shell.process();
  if (&shell.link() == link_.get() || process == 0 || following.was_ended_beside) return;
  following.was_ended_beside = true;
  const host::Command kill{"ending a step", fmt::format("kill -s TERM -- -{0} || kill -s TERM {0}", process)};
  following.ends_link = exec(kill, ignore, {Deadline::in(ending_limit), {}}).has_value();
}

void SshSessionTransport::wait_beside(Link& carrier, Deadline until) {
  if (&carrier == link_.get()) {
    carrier.wait(until);
    return;
  }
  link_->wait(Deadline::in({}));
  carrier.wait(until.tightened(Deadline::in(look_at_control)));
}

void SshSessionTransport::look_after(const ControlShell* but) {
  heartbeat();
  if (but != &*control_) control_->pump(ignore);
  if (!early_) return;
  if (early_->shell) {
    early_->shell->pump(ignore);
    if (!early_->shell->problem().empty()) early_.reset();
    return;
  }
  open_early();
}

void SshSessionTransport::open_early() {
  if (!early_) early_.emplace(Early{link_->open_shell(), std::nullopt});
  if (early_->shell) return;  // it can be there before the control channel's
  const auto state = early_->opening->advance();
  if (state == ShellOpening::State::there) {
    early_->shell.emplace(*link_, early_->opening->take(), ControlShell::Mode::data);
    early_->shell->pump(ignore);
  } else if (state == ShellOpening::State::refused) {
    // Who needs a data channel asks once more, and is told why there is none.
    early_.reset();
    early_wanted_ = false;
  }
}

// libssh2 opens one channel at a time.
void SshSessionTransport::finish_early(const Wait& wait) {
  if (!early_ || early_->shell) return;
  auto channel = early_->opening->finish(open_limit, wait, {});
  if (channel) {
    early_->shell.emplace(*link_, *std::move(channel), ControlShell::Mode::data);
  } else {
    early_.reset();
    early_wanted_ = false;
  }
}

Result<Exit> SshSessionTransport::follow(ControlShell& shell, Upload* upload, const host::Command& command,
                                         const OutputFn& on_output, const Wait& wait, Deadline::Clock::time_point begun) {
  Link& carrier = shell.link();
  const bool own = &shell != &*control_;  // for this step alone
  const StopWakes wakes(wait.stop, *carrier.waker());
  Following following{.begun = begun};
  for (;;) {
    look_after(&shell);
    shell.pump(on_output);
    if (const auto end = shell.step_end()) {
      if (!following.ending) return *end;
      return std::unexpected(ended_error(*link_, *following.ending, following.after, command.name, true));
    }
    if (following.ending && own) end_beside(shell, following);
    // Such a shell ends with its step, and says no more of one that was told to end.
    if (following.ending && own && !link_->lost() && (!shell.problem().empty() || (following.ends_link && carrier.lost()))) {
      return std::unexpected(ended_error(*link_, *following.ending, following.after, command.name, true));
    }
    if (carrier.lost()) link_->fail(carrier.loss());
    if (auto error = trouble(shell, command.name)) return std::unexpected(std::move(*error));

    if (!following.ending) {
      if (wait.stop.stop_requested()) {
        following.end(Error(ErrorCode::cancelled, {}));
      } else if (wait.deadline.passed()) {
        following.end(Error(ErrorCode::timeout, {}));
      } else if (upload != nullptr) {
        if (auto fed = upload->pump(shell, carrier); !fed) following.end(std::move(fed).error());
      }
      if (following.ending && own) shell.terminate_step();
      if (following.ending && !own) shell.cancel_step();
      if (following.ending) continue;
    } else if (following.until.passed()) {
      // A control shell with a step that doesn't end is of no further use, and the end of its input is one more cause to end it.
      auto error = ended_error(*link_, *following.ending, following.after, command.name, false);
      if (!own) link_->fail("'" + command.name + "' could not be ended there");
      return std::unexpected(std::move(error));
    }
    auto until = following.ending ? following.until : wait.deadline;
    until = until.tightened(next_ping_).tightened(shell.next_look());
    if (!shell.said_hello()) until = until.tightened(hello_until(shell));
    if (upload != nullptr && upload->again()) until = Deadline::in({});
    wait_beside(carrier, until);
  }
}

Result<void> SshSessionTransport::idle(const Waker& until) {
  for (;;) {
    if (!control_) return std::unexpected(lost_error(*link_, {}));
    look_after(nullptr);
    // The news of the connection's end may have come behind other bytes: twice, so that it is not left for later.
    if (readable(until.fd()) && link_->wait(Deadline::in({}))) link_->wait(Deadline::in({}));
    if (auto error = trouble(*control_, {})) return std::unexpected(std::move(*error));
    if (readable(until.fd())) return {};
    link_->wait(next_ping_.tightened(control_->next_look()), until.fd());
  }
}

void SshSessionTransport::close() {
  if (!control_) return;
  const auto until = Deadline::in(close_limit);
  early_.reset();
  control_->quit();
  control_->pump(ignore);
  // It is worth an answer only where others wait for the lock.
  while (holds_ && !control_->at_end() && control_->problem().empty() && !link_->lost() && !until.passed()) {
    control_->pump(ignore);
    link_->wait(until);
  }
  control_.reset();
  link_->shut_down();
}

// The host lives as long as the control shell answers: sshd alone, which answers keepalives, is not enough.
void SshSessionTransport::heartbeat() {
  if (!next_ping_.passed()) return;
  next_ping_ = Deadline::in(heartbeat_interval);
  if (!control_->said_hello()) return;
  if (last_ping_ - control_->last_pong() >= heartbeats_missed) {
    link_->fail(
        fmt::format("its control shell has not answered for {} s", heartbeat_interval.count() * heartbeats_missed));
    return;
  }
  control_->ping(++last_ping_);
}

Result<void> SshSessionTransport::ready_for(const host::Command& command, const Wait& wait) const {
  const bool stopped = wait.stop.stop_requested();
  if (stopped || link_->lost()) return std::unexpected(not_begun_error(*link_, command.name, stopped));
  return {};
}

std::optional<Error> SshSessionTransport::trouble(const ControlShell& shell, const std::string& step) const {
  if (link_->lost()) return lost_error(*link_, step);
  for (const auto* each : {&shell, &*control_}) {
    if (!each->problem().empty()) return shell_error(*link_, *each, step);
  }
  if (!shell.said_hello() && Deadline::Clock::now() - shell.started_at() > hello_limit) return shell_error(*link_, shell, step);
  return std::nullopt;
}

}  // namespace kirikae::ssh
