// OpensshLogin: sessions that the system's ssh carries. Any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/openssh_command.h"
#include "ssh/openssh_link.h"
#include "ssh/openssh_questions.h"
#include "ssh/passwords.h"
#include "ssh/ssh_connector.h"
#include "ssh/ssh_session_transport.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class OpensshLogin {
 public:
  explicit OpensshLogin(const Settings& settings) : settings_(settings), questions_(settings.ask), passwords_(settings.password, {}) {}

  struct Ended {
    std::optional<CarriedShell> shell;  // none: the connection was closed before the login was through
    Error why{};                        // then
    bool greeted = false;               // likewise: the host had said that it is there, so it takes logins
  };
  // One connection, up to the hello of a shell: the control shell, or one beside it. `target` with the address and port that ssh_config has.
  // Errors: connect, host_key, auth, timeout, cancelled, lost, local (there is no ssh).
  Result<Ended> log_in(const Target& target, std::vector<OpensshStop> stops, ControlShell::Mode mode,
                       const std::function<void(std::string_view)>& tell, const Wait& wait);

 private:
  class Given;
  class Typed;

  const Settings& settings_;
  OpensshQuestions questions_;
  Passwords passwords_;  // given ones alone
  std::mutex mutex_;
  std::map<std::string, Secret> typed_;  // passwords that have let somebody in, by account and question; under mutex_
};

}  // namespace kirikae::ssh
