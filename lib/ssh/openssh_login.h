// OpensshLogin: sessions that the system's ssh carries. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.h"
#include "ssh/openssh_command.h"
#include "ssh/openssh_link.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class OpensshLogin {
 public:
  explicit OpensshLogin(const Settings& settings) : settings_(settings) {}

  struct Ended {
    std::unique_ptr<Transport> transport;  // null: the connection was closed before the login was through
    Error why{};                           // then
    bool greeted = false;                  // likewise: the host had said that it is there, so it takes logins
  };
  // One connection, up to the hello of the control shell. `target` with the address and port that ssh_config has.
  // Errors: connect, host_key, auth, timeout, cancelled, lost, local (there is no ssh).
  Result<Ended> log_in(const Target& target, const std::vector<OpensshStop>& stops, const std::function<void(std::string_view)>& tell,
                       const Wait& wait);

 private:
  struct Conversation;
  struct Passphrase {
    Secret text;
    int times = 0;  // asked for
  };
  bool tells_questions_apart();
  Secret answer(const std::string& question, Conversation& conversation);

  const Settings& settings_;
  std::mutex mutex_;  // while somebody is asked, too: the next one may have the same question
  std::map<std::string, Passphrase> passphrases_;  // by the question
  std::once_flag version_known_;
  bool tells_apart_ = false;
};

}  // namespace kirikae::ssh
