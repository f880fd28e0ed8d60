// What the log of the system's ssh (LogLevel DEBUG1) tells of a connection. Its words are not a promise: where they change, an error is
// of the general kind and says what ssh said. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kirikae::ssh {

inline constexpr std::size_t longest_openssh_words = 300;  // bytes that are shown of what it says

struct OpensshLog {
  bool greeted = false;    // the host has said that it speaks SSH
  bool logged_in = false;
  bool signing_failed = false;  // with one of the keys at least
  std::string host_key;    // "SHA256:…"; empty: not told
  std::string new_key;     // the line that says that a key was added to known_hosts
  std::string not_kept;    // the line that says that it couldn't be
  std::string complaint;   // the line that says most about the end, printable; empty: there is none
  ErrorCode code = ErrorCode::connect;  // what that means: connect, host_key, auth or timeout
};

// Takes it as it comes, and keeps no more of it than a line.
class OpensshLogReader {
 public:
  void feed(std::string_view bytes);
  [[nodiscard]] const OpensshLog& log() const { return log_; }  // of whole lines

 private:
  void read(std::string_view line);

  OpensshLog log_;
  bool settled_ = false;  // a complaint that means something stays; later ones say only that it is over
  std::string begun_;     // line
};

OpensshLog read_openssh_log(std::string_view text);

}  // namespace kirikae::ssh
