// Routes: how the hosts of a run are reached, by what ssh_config and the recipe say, and which keys they are known by.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "ssh/host_keys.h"
#include "ssh/host_settings.h"
#include "ssh/openssh_command.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// The way to one host, and what it is on file under.
struct Route {
  Target target;
  HostSettings host;
  std::shared_ptr<const HostKeys> keys;

  [[nodiscard]] std::string known_as() const { return host.host_key_alias.empty() ? target.address : host.host_key_alias; }
  [[nodiscard]] int known_port() const { return host.host_key_alias.empty() ? target.port : 22; }
};

// Used by many threads at the same time. What it returns as errors, ssh_config is to blame for.
class Routes {
 public:
  explicit Routes(const Settings& settings) : settings_(settings) {}

  Result<Route> to(const Target& target, const Wait& wait);
  // `before`: the jump hosts that lead there; none: its own settings say.
  Result<Route> to_jump(const Hop& hop, const std::vector<Hop>& before, const Wait& wait);
  // Connector::stops_to().
  Result<std::vector<Stop>> stops_to(const Target& target, const Wait& wait);
  // The same for the system's ssh, each with its settings; `route` leads to the last one.
  Result<std::vector<OpensshStop>> openssh_stops(const Route& route, const Target& wanted, const Wait& wait);

  // Whether the host may have this key, a new one being put on file where that is wanted. Errors: host_key, local.
  Result<void> verify(const Route& route, const std::string& key);
  // The files have changed.
  void forget_keys();

 private:
  // Without the command with which a person gets there.
  Result<Route> find(const Target& target, const Wait& wait);
  [[nodiscard]] std::string command_to(const Target& target, const std::vector<Hop>& before, const Wait& wait);
  std::shared_ptr<const HostKeys> keys_of(const std::vector<std::string>& files);
  Result<void> add_way(const std::vector<Hop>& jumps, int depth, const Wait& wait, std::vector<Stop>& stops);
  Result<void> add_stops(const Hop& hop, const std::vector<Hop>& before, int depth, const Wait& wait, std::vector<Stop>& stops);

  const Settings& settings_;
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::shared_ptr<const HostKeys>> keys_;  // by the files
};

}  // namespace kirikae::ssh
