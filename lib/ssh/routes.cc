#include "ssh/routes.h"

#include <fmt/format.h>

#include <utility>

#include "ssh/certificate.h"
#include "ssh/new_keys.h"
#include "ssh/public_key.h"
#include "ssh/ssh_config.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

// One private address may be that of many hosts, each behind a gate of its own.
std::string way_to(const HostSettings& host) {
  std::string way = host.host_key_alias + '\n' + host.bind_address + '\n' + host.proxy_command;
  for (const Hop& hop : host.jumps) way += fmt::format("\n{}@{} {}", hop.user, hop.name, hop.port);
  return way;
}

Target target_of(const Hop& hop) { return {hop.name, hop.name, hop.port, hop.user}; }

}  // namespace

std::shared_ptr<const HostKeys> Routes::keys_of(const std::vector<std::string>& files) {
  const std::scoped_lock lock(mutex_);
  auto& keys = keys_[files];
  if (!keys) keys = std::make_shared<const HostKeys>(HostKeys::load(files, settings_.trust_command));
  return keys;
}

Result<Route> Routes::find(const Target& target, const Wait& wait) {
  Route route{target, settings_.host, {}};
  if (settings_.config) {
    TRY_ASSIGN(route.host, settings_.config->of({target.address, target.port, target.user}, wait));
    route.target.address = route.host.address;
    route.target.port = route.host.port;
    route.target.user = route.host.user;
  }
  route.target.way = way_to(route.host);
  route.keys = keys_of(route.host.known_hosts);
  return route;
}

Result<Route> Routes::to(const Target& target, const Wait& wait) {
  TRY_ASSIGN(Route route, find(target, wait));
  route.target.command = command_to(target, {}, wait);
  return route;
}

Result<Route> Routes::to_jump(const Hop& hop, const std::vector<Hop>& before, const Wait& wait) {
  TRY_ASSIGN(Route route, find(target_of(hop), wait));
  route.target.command = command_to(target_of(hop), before, wait);
  route.target.jump = true;
  if (!before.empty()) {
    route.host.jumps = before;
    route.host.proxy_command.clear();
    route.target.way = way_to(route.host);
  }
  return route;
}

std::string Routes::command_to(const Target& target, const std::vector<Hop>& before, const Wait& wait) {
  if (!settings_.config) return {};
  std::vector<Stop> way;
  const bool is_known = add_way(before, 0, wait, way) && add_stops({target.address, target.port, target.user}, before, 0, wait, way);
  if (!is_known) way = {{target, {}, false}};  // it leads in a circle, say
  std::vector<SshConfig::Wanted> stops;
  for (const Stop& stop : way) stops.push_back({stop.target.address, stop.target.port, stop.target.user});
  return typed_command(settings_.config->overrides(), stops, before);
}

// A hop's own jump hosts first, as JumpHosts passes them.
Result<void> Routes::add_stops(const Hop& hop, const std::vector<Hop>& before, int depth, const Wait& wait, std::vector<Stop>& stops) {
  constexpr int deepest = 16;
  if (depth > deepest) {
    return std::unexpected(Error(ErrorCode::connect, fmt::format("jump host '{}' is reached through itself", hop.name),
                                 "check ProxyJump in the SSH configuration"));
  }
  if (before.empty()) {
    TRY_ASSIGN(const Route route, find(target_of(hop), wait));
    TRY(add_way(route.host.jumps, depth + 1, wait, stops));
  }
  stops.push_back({target_of(hop), before, true});
  return {};
}

Result<void> Routes::add_way(const std::vector<Hop>& jumps, int depth, const Wait& wait, std::vector<Stop>& stops) {
  for (auto hop = jumps.begin(); hop != jumps.end(); ++hop) TRY(add_stops(*hop, {jumps.begin(), hop}, depth, wait, stops));
  return {};
}

Result<std::vector<Stop>> Routes::stops_to(const Target& target, const Wait& wait) {
  std::vector<Stop> stops;
  if (auto added = add_stops({target.address, target.port, target.user}, {}, 0, wait, stops); !added) {
    return std::unexpected(std::move(added).error().on(target.name));
  }
  stops.back() = {target, {}, false};
  return stops;
}

// Jump hosts are told what the recipe says, each by its own call of ssh.
Result<std::vector<OpensshStop>> Routes::openssh_stops(const Route& route, const Target& wanted, const Wait& wait) {
  std::vector<OpensshStop> all;
  TRY_ASSIGN(const auto stops, stops_to(wanted, wait));
  for (const Stop& stop : stops) {
    const SshConfig::Wanted asked{stop.target.address, stop.target.port, stop.target.user};
    if (!stop.jump) {
      all.push_back({asked, route.host});
      continue;
    }
    auto settings = settings_.config->of(asked, wait);
    if (!settings) return std::unexpected(std::move(settings).error().on(wanted.name));
    all.push_back({asked, *std::move(settings)});
  }
  return all;
}

// A key that is new is on file before anybody logs in.
Result<void> Routes::verify(const Route& route, const std::string& key) {
  if (const int bits = rsa_bits(plain_key(key)); bits > 0 && bits < route.host.least_rsa_bits) {
    return std::unexpected(Error(ErrorCode::host_key, fmt::format("host key of '{}' is an RSA key of {} bits, and ssh_config wants {} (RequiredRSASize)",
                                                                  route.target.name, bits, route.host.least_rsa_bits),
                                 "give the host a longer key, or one of another type (ssh-keygen -A makes them), or ask for less in ssh_config"));
  }
  const std::string& signatures = route.host.ca_signature_algorithms;
  auto verified = route.keys->verify(route.known_as(), route.known_port(), key, signatures);
  if (verified || !route.host.accept_new) return verified;
  TRY_ASSIGN(const bool added,
             accept_new_key(route.host.known_hosts, route.known_as(), route.known_port(), key, settings_.trust_command, signatures,
                            route.host.has_place_for_new_keys));
  if (added && settings_.warn) {
    settings_.warn(route.target.jump ? std::string() : route.target.name,
                   fmt::format("added the host key of '{}' ({} {}) to {}", route.target.name, short_key_type(plain_key(key)), fingerprint(plain_key(key)),
                               route.host.known_hosts.front()));
  }
  return {};
}

void Routes::forget_keys() {
  const std::scoped_lock lock(mutex_);
  keys_.clear();
}

}  // namespace kirikae::ssh
