#include "ssh/session_errors.h"

#include <fmt/format.h>

#include <utility>

#include "ssh/printable.h"
#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

std::string duration_text(Deadline::Clock::duration time) {
  const double value = std::chrono::duration<double>(time).count();
  return value < 10 ? fmt::format("{:.1f} s", value) : fmt::format("{:.0f} s", value);
}

std::string step_of(const KexinitSniffer& heard) {
  if (heard.banner().empty()) return "it accepted the connection but did not greet as an SSH server does";
  return heard.complete() ? "the key exchange did not end" : "it greeted as an SSH server does, and then said nothing";
}

// In time.
Error silence_error(const HandshakeFailure& failure, const std::string& place, const std::string& try_it) {
  const auto within =
      fmt::format("no SSH session with {} in {:.1f} s: ", place, std::chrono::duration<double>(failure.after).count());
  if (!failure.by_command || !failure.heard.banner().empty()) {
    return Error(ErrorCode::timeout, within + step_of(failure.heard),
                 "check that an SSH server listens there and that the machine is not overloaded: " + try_it);
  }
  const std::string& why = *failure.by_command;
  return Error(
      ErrorCode::timeout,
      within + "its proxy command runs, but no SSH server has greeted through it" + (why.empty() ? "" : "; " + why),
      "check that the proxy command reaches the host: " + try_it);
}

}  // namespace

bool answers_as_web_server(const KexinitSniffer& heard) {
  return heard.banner().empty() && (heard.before().starts_with("HTTP/") || heard.before().starts_with("\x15\x03"));
}

Error handshake_error(const HandshakeFailure& failure) {
  const auto& [target, heard, offered, timed_out, after, why, by_command] = failure;
  const std::string place = place_of(target), try_it = ssh_command(target);
  const auto error = [&](std::string text, std::string hint) {
    return Error(ErrorCode::connect, std::move(text), std::move(hint)).on(target.name);
  };
  if (timed_out) return silence_error(failure, place, try_it).on(target.name);
  if (const auto missing = heard.missing(offered); !missing.empty()) {
    return error(fmt::format("{} shares no algorithm with this program for {}", place, missing),
                 "allow one of the latter in the host's sshd_config");
  }
  if (answers_as_web_server(heard)) {
    return error(fmt::format("{} speaks no SSH: it answers as a web server does", place),
                 "check the host's address and port: " + try_it);
  }
  const std::string& banner = heard.banner();
  if (!banner.empty() && !banner.starts_with("SSH-2.0") && !banner.starts_with("SSH-1.99")) {
    return error(fmt::format("{} speaks no SSH 2: it greets with '{}'", place, printable(banner, 80)),
                 "check the host's address and port: " + try_it);
  }
  const std::string said = banner.empty() ? printable(heard.before(), 80) : std::string();
  return error(fmt::format("no SSH session with {}: {}{}", place, why, said.empty() ? "" : ", it said '" + said + "'"),
               "check that an SSH server listens there: " + try_it);
}

Error said_of_host(const Link& link, ErrorCode code, std::string text, std::string hint) {
  return Error(code, std::move(text), std::move(hint)).on(link.target().name);
}

Error not_begun_error(const Link& link, const std::string& step, bool stopped) {
  const std::string place = "'" + link.target().name + "'";
  if (stopped) return said_of_host(link, ErrorCode::cancelled, fmt::format("'{}' was not started on {}: stopped", step, place), {});
  return said_of_host(link, ErrorCode::lost, fmt::format("'{}' was not started on {}: the connection was lost before ({})", step, place, link.loss()),
                      "check the host and run the same command again");
}

bool is_refused(const ControlShell& shell) { return !shell.said_hello() && shell.noise().find("Session open refused by peer") != std::string::npos; }

Error shell_error(const Link& link, const ControlShell& shell, const std::string& step) {
  const std::string place = place_of(link.target());
  if (!shell.said_hello()) {
    const std::string what = shell.problem().empty() ? fmt::format("it did not answer in {} s", hello_limit.count()) : shell.problem();
    const std::string said = printable(shell.noise(), 120);
    return said_of_host(
        link, shell.problem().empty() ? ErrorCode::timeout : ErrorCode::connect,
        fmt::format("no shell could be started on {}: {}{}", place, what, said.empty() ? "" : ", and said '" + said + "'"),
        shell.mode() == ControlShell::Mode::terminal
            ? "check that it gives a terminal and has stty (PermitTTY in sshd_config, no-pty or restrict in authorized_keys), or remove 'pty'"
            : fmt::format("check the login shell, its rc files, and ForceCommand in sshd_config or command= in authorized_keys: {} true",
                          ssh_command(link.target())));
  }
  return said_of_host(link, ErrorCode::lost,
                      step.empty() ? fmt::format("the shell on {} was lost: {}", place, shell.problem())
                                   : fmt::format("the shell on {} was lost while '{}' ran: {}; it is not known whether it finished", place, step,
                                                 shell.problem()),
                      "check the host and run the same command again");
}

Error lost_error(const Link& link, const std::string& step) {
  const std::string place = place_of(link.target());
  return said_of_host(link, ErrorCode::lost,
                      step.empty() ? fmt::format("the connection to {} was lost: {}", place, link.loss())
                                   : fmt::format("the connection to {} was lost while '{}' ran: {}; it is not known whether it finished", place, step,
                                                 link.loss()),
                      "check the host and run the same command again");
}

Error ended_error(const Link& link, Error why, Deadline::Clock::duration after, const std::string& step, bool gone) {
  const std::string place = "'" + link.target().name + "'";
  const char* there = gone ? "it was ended there" : "it could not be ended and may still run there";
  const std::string hint = gone ? why.hint : fmt::format("look for it on the host: {}", ssh_command(link.target()));
  switch (why.message.empty() ? why.code : ErrorCode::local) {
    case ErrorCode::timeout:
      return said_of_host(link, why.code, fmt::format("'{}' on {} took longer than {}; {}", step, place, duration_text(after), there), hint);
    case ErrorCode::cancelled: return said_of_host(link, why.code, fmt::format("'{}' on {} was stopped; {}", step, place, there), hint);
    default: return std::move(why).on(link.target().name);  // the source's own words
  }
}

}  // namespace kirikae::ssh
