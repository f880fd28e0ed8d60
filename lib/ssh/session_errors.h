// What is said where a connection, a session, or a step in it, has gone wrong: the host, the step, the cause, and what to do.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/deadline.h"
#include "core/error.h"
#include "ssh/control_shell.h"
#include "ssh/kexinit.h"
#include "ssh/link.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

inline constexpr std::chrono::seconds hello_limit{30};  // for login shell, rc files and script

// What a web server says to what is no request, in plain or over TLS. A busy SSH host says nothing, or a line of its own.
bool answers_as_web_server(const KexinitSniffer& heard);

// What a handshake came to.
struct HandshakeFailure {
  const Target& target;
  const KexinitSniffer& heard;
  const Algorithms& offered;
  bool timed_out = false;
  std::chrono::milliseconds after;
  std::string why;  // in libssh2's words
  std::optional<std::string>
      by_command{};  // a proxy command carries the connection, and what it says of itself, if anything
};
Error handshake_error(const HandshakeFailure& failure);

Error said_of_host(const Link& link, ErrorCode code, std::string text, std::string hint);
// Of a step that wasn't begun: a stop came, or the link is lost.
Error not_begun_error(const Link& link, const std::string& step, bool stopped);
// An empty step: none ran.
Error lost_error(const Link& link, const std::string& step);
// A shell of ssh's for which the host has opened no channel.
bool is_refused(const ControlShell& shell);
// The shell has a problem, or says nothing.
Error shell_error(const Link& link, const ControlShell& shell, const std::string& step);
// Of a step that was told to end, `after` so long. `why`: in its own words, or by its code alone. `gone`: the host says that it has ended.
Error ended_error(const Link& link, Error why, Deadline::Clock::duration after, const std::string& step, bool gone);

}  // namespace kirikae::ssh
