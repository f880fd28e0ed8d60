// SshConfig: how each host of a run is reached: what OpenSSH itself says (`ssh -G`), under what the recipe says. Each host is asked about once.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "ssh/config_shape.h"
#include "ssh/host_settings.h"
#include "ssh/openssh_answer.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// What goes before ssh_config. Not set: as ssh_config has it.
struct Overrides {
  std::string config{};                    // the file to read instead of OpenSSH's own two, or "none"; empty: those two
  std::vector<std::string> known_hosts{};  // instead of all others
  std::optional<bool> accept_new{};
  std::vector<std::string> identities{};   // these alone
  std::optional<std::chrono::seconds> connect_timeout{}, keepalive{};
  std::optional<bool> forward_agent{};
};

class SshConfig {
 public:
  // Without OpenSSH's client (`ssh` is in no folder of PATH) ssh_config is read here, as far as that goes (config_reader.h).
  SshConfig(Overrides overrides, LocalUser self);

  // What a host is asked for by: its name in ssh_config, a port (0) and a user (empty) where they are given.
  struct Wanted {
    std::string name;
    int port = 0;
    std::string user;
    auto operator<=>(const Wanted&) const = default;
  };

  // Any thread. Errors: connect (ssh_config has an error, or asks for what can't be done here), timeout (a command of a Match block),
  // cancelled, local.
  Result<HostSettings> of(const Wanted& wanted, const Wait& wait);
  // The same for many at a time, each in its place.
  std::vector<Result<HostSettings>> of(const std::vector<Wanted>& wanted, const Wait& wait);

  // Likewise where no file is read and no recipe says anything.
  Result<HostSettings> usual(const Wanted& wanted, const Wait& wait);
  [[nodiscard]] const Overrides& overrides() const { return overrides_; }

 private:
  struct Answer {
    OpenSshAnswer said;
    std::vector<std::string> skipped{};  // what was not read of ssh_config
    std::vector<std::string> files{};    // that ssh has read
  };
  Result<Answer> ask(const std::string& file, const Wanted& wanted, const Wait& wait) const;
  Result<Answer> ask_ssh(const std::string& file, const Wanted& wanted, const Wait& wait) const;
  [[nodiscard]] Result<Answer> read(const std::string& file, const Wanted& wanted) const;
  Result<HostSettings> find_out(const Wanted& wanted, const Wait& wait);
  Result<Answer> ask_once(const Wanted& wanted, const Wait& wait);
  Result<const OpenSshAnswer*> defaults(const Wait& wait);
  [[nodiscard]] std::vector<std::string> files(const std::string& file) const;

  const Overrides overrides_;
  const LocalUser self_;
  const bool ssh_is_here_;
  const ConfigShape shape_;
  std::atomic<bool> shape_is_another_ = false;  // ssh has read files that shape_ hasn't
  std::mutex mutex_;
  std::map<Wanted, HostSettings> known_;
  std::mutex plain_mutex_;
  std::map<std::pair<int, std::string>, Answer> plain_;  // of hosts that ssh_config doesn't tell apart, by port and user
  std::optional<OpenSshAnswer> defaults_;
};

}  // namespace kirikae::ssh
