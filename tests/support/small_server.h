// SmallServer: a real SSH server that isn't OpenSSH's, on a port of 127.0.0.1, for as long as the object lives. For root, where
// can_replace_files(): these servers look for keys in the account's own home, which is another folder for them.
//
//   const SmallServer server({.kind = SmallServer::Kind::dropbear, .login_shell = "/usr/bin/fish"});
//
// SshdFixture::client_key() logs in as SshdFixture::user(). Each connection has a server process of its own, as inetd would start it. What
// tinysshd says goes to the file `log` of the folder, which stays where the test fails; dropbear talks to syslog.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "support/replaced_files.h"
#include "support/temp_dir.h"

namespace kirikae::test {

class SmallServer {
 public:
  enum class Kind { dropbear, tinysshd };
  struct Options {
    Kind kind = Kind::dropbear;
    std::string login_shell = "/bin/sh";
    ReplacedFiles replaced{};  // besides home and user database
  };

  explicit SmallServer(Options options);  // throws where it can't be started
  ~SmallServer();
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  [[nodiscard]] static bool is_installed(Kind kind);
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string known_hosts_lines(std::string_view name, int port) const;

 private:
  void make_key();

  TempDir folder_;
  Options options_;
  int port_ = 0;
  std::string key_;  // type and base64
  pid_t pid_ = -1;
};

}  // namespace kirikae::test
