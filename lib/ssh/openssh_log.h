// What the log of the system's ssh (LogLevel DEBUG1) tells of a connection. Its words are not a promise: where they change, an error is
// of the general kind and says what ssh said. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace kirikae::ssh {

struct OpensshLog {
  bool greeted = false;    // the host has said that it speaks SSH
  bool logged_in = false;
  bool too_long = false;   // to be read: nothing of all this is known
  std::string host_key;    // "SHA256:…"; empty: not told
  std::string new_key;     // the line that says that a key was added to known_hosts
  std::string not_kept;    // the line that says that it couldn't be
  std::string complaint;   // the line that says most about the end, printable; empty: there is none
  ErrorCode code = ErrorCode::connect;  // what that means: connect, host_key, auth or timeout
};

OpensshLog read_openssh_log(std::string_view text);

}  // namespace kirikae::ssh
