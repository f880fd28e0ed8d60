// OpensshLogin: sessions that the system's ssh carries. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/openssh_command.h"
#include "ssh/openssh_link.h"
#include "ssh/openssh_questions.h"
#include "ssh/passwords.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class OpensshLogin {
 public:
  explicit OpensshLogin(const Settings& settings) : settings_(settings), questions_(settings.ask), passwords_(settings.password, {}) {}

  struct Ended {
    std::unique_ptr<Transport> transport;  // null: the connection was closed before the login was through
    Error why{};                           // then
    bool greeted = false;                  // likewise: the host had said that it is there, so it takes logins
  };
  // One connection, up to the hello of the control shell. `target` with the address and port that ssh_config has.
  // Errors: connect, host_key, auth, timeout, cancelled, lost, local (there is no ssh).
  Result<Ended> log_in(const Target& target, std::vector<OpensshStop> stops, const std::function<void(std::string_view)>& tell,
                       const Wait& wait);

 private:
  class Given;

  const Settings& settings_;
  OpensshQuestions questions_;
  Passwords passwords_;  // given ones alone
};

}  // namespace kirikae::ssh
