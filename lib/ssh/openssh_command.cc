#include "ssh/openssh_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/shell_quote.h"

namespace kirikae::ssh {
namespace {

using Words = std::vector<std::string>;

std::string with_percents_doubled(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '%' ? std::string("%%") : std::string(1, c);
  return doubled;
}

// A path in a value of ssh_config(5): in quotes where it needs them, since several may stand there; a percent sign twice, since it begins a
// token. What begins the name of an environment variable, and quotes themselves, can't be written.
Result<std::string> config_path(const std::string& path) {
  if (path.find_first_of("\"\\") != std::string::npos || path.find("${") != std::string::npos) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("ssh can't be told the path '{}'", path),
                                 "rename it: no quote, backslash or '${' may be in it"));
  }
  const std::string text = with_percents_doubled(path);
  return shell_word(path) == path ? text : '"' + text + '"';
}

void option(Words& argv, const std::string& name, const std::string& value) {
  argv.emplace_back("-o");
  argv.push_back(name + '=' + value);
}

void add_file(Words& argv, const Overrides& overrides) {
  if (!overrides.config.empty()) argv.insert(argv.end(), {"-F", overrides.config});
}

Result<void> add_files_of_keys(Words& argv, const Overrides& overrides) {
  if (!overrides.known_hosts.empty()) {
    std::string files;
    for (const std::string& path : overrides.known_hosts) {
      TRY_ASSIGN(const std::string text, config_path(path));
      files += (files.empty() ? "" : " ") + text;
    }
    option(argv, "UserKnownHostsFile", files);
    option(argv, "GlobalKnownHostsFile", "/dev/null");
    option(argv, "UpdateHostKeys", "no");
  }
  for (const std::string& path : overrides.identities) {
    TRY_ASSIGN(const std::string text, config_path(path));
    option(argv, "IdentityFile", text);
  }
  if (!overrides.identities.empty()) option(argv, "IdentitiesOnly", "yes");
  return {};
}

void add_place(Words& argv, const SshConfig::Wanted& host) {
  if (host.port != 0) argv.insert(argv.end(), {"-p", std::to_string(host.port)});
  if (!host.user.empty()) argv.insert(argv.end(), {"-l", host.user});
}

// Its streams are the connection, whatever ssh_config says of passing on a descriptor.
void add_proxy_command(Words& argv, const std::string& command) {
  option(argv, "ProxyCommand", command);
  option(argv, "ProxyUseFdpass", "no");
}

// What holds for every host that a run passes. The first value of an option counts.
Result<void> add_terms(Words& argv, const OpensshMaster& master, const HostSettings& host) {
  if (!master.questions) option(argv, "BatchMode", "yes");
  option(argv, "StrictHostKeyChecking", host.accept_new ? "accept-new" : "yes");  // never ask
  option(argv, "VerifyHostKeyDNS", "no");
  option(argv, "NoHostAuthenticationForLocalhost", "no");
  TRY(add_files_of_keys(argv, master.overrides));
  if (master.overrides.known_hosts.empty()) option(argv, "UpdateHostKeys", "no");
  // An ssh that doesn't know the option has not named it either.
  const bool asks_command = std::ranges::find(host.beyond, "KnownHostsCommand", &Beyond::directive) != host.beyond.end();
  if (!master.overrides.known_hosts.empty() && asks_command) option(argv, "KnownHostsCommand", "none");
  option(argv, "ConnectTimeout", std::to_string(host.connect_timeout.count()));
  option(argv, "ServerAliveInterval", std::to_string(host.keepalive.count()));
  option(argv, "ServerAliveCountMax", std::to_string(host.keepalive_count));
  option(argv, "PermitLocalCommand", "no");
  return {};
}

// What a call of ssh says of the stop of that index.
using AddTerms = std::function<Result<void>(Words&, std::size_t)>;

// Through the last of `count` jump hosts. ssh itself would tell its jump hosts nothing of what it has been told.
Result<std::string> way_through(const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, std::size_t count, const AddTerms& add) {
  const SshConfig::Wanted& jump = stops[count - 1];
  Words argv = {"ssh", "-T"};
  add_file(argv, overrides);
  TRY(add(argv, count - 1));
  if (count > 1) {
    TRY_ASSIGN(const std::string before, way_through(overrides, stops, count - 1, add));
    add_proxy_command(argv, before);
  }
  add_place(argv, jump);
  std::string line;
  for (const std::string& word : argv) line += with_percents_doubled(shell_word(word)) + ' ';
  return line + "-W '[%h]:%p' -- " + with_percents_doubled(shell_word(jump.name));
}

Result<void> add_way(Words& argv, const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, const AddTerms& add) {
  if (stops.size() < 2) return {};
  TRY_ASSIGN(const std::string way, way_through(overrides, stops, stops.size() - 1, add));
  add_proxy_command(argv, way);
  return {};
}

// What the recipe says of all hosts, for a person's ssh.
Result<void> add_recipe(Words& argv, const Overrides& overrides) {
  if (overrides.accept_new) option(argv, "StrictHostKeyChecking", *overrides.accept_new ? "accept-new" : "yes");
  TRY(add_files_of_keys(argv, overrides));
  if (overrides.connect_timeout) option(argv, "ConnectTimeout", std::to_string(overrides.connect_timeout->count()));
  if (overrides.keepalive) option(argv, "ServerAliveInterval", std::to_string(overrides.keepalive->count()));
  return {};
}

}  // namespace

Result<Words> openssh_command(const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, bool terminal, const std::string& remote_command) {
  const SshConfig::Wanted& host = stops.back();
  Words argv = {"ssh", terminal ? "-t" : "-T"};
  add_file(argv, overrides);
  option(argv, "RemoteCommand", "none");
  TRY(add_recipe(argv, overrides));
  if (overrides.forward_agent) option(argv, "ForwardAgent", *overrides.forward_agent ? "yes" : "no");
  TRY(add_way(argv, overrides, stops, [&](Words& words, std::size_t) { return add_recipe(words, overrides); }));
  add_place(argv, host);
  argv.insert(argv.end(), {"--", host.name, remote_command});
  return argv;
}

std::string typed_command(const Overrides& overrides, const std::vector<SshConfig::Wanted>& stops, const std::vector<Hop>& through) {
  const SshConfig::Wanted& host = stops.back();
  Words recipe;
  const auto add = [&](Words& words, std::size_t) { return add_recipe(words, overrides); };
  if (!add(recipe, 0)) recipe.clear();
  Words argv = {"ssh"};
  add_file(argv, overrides);
  argv.insert(argv.end(), recipe.begin(), recipe.end());
  // Its own way through jump hosts doesn't tell them what it has been told.
  if (!recipe.empty()) {
    static_cast<void>(add_way(argv, overrides, stops, add));
  } else if (!through.empty()) {
    option(argv, "ProxyJump", text_of(through, ","));
  }
  if (host.port != 0) argv.insert(argv.end(), {"-p", std::to_string(host.port)});
  argv.push_back(host.user.empty() ? host.name : host.user + '@' + host.name);
  std::string line;
  for (const std::string& word : argv) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

Result<Words> openssh_master(const OpensshMaster& master, const std::string& remote_command) {
  const OpensshStop& host = master.stops.back();
  Words argv = {"ssh", master.terminal ? "-tt" : "-T"};
  add_file(argv, master.overrides);
  argv.insert(argv.end(), {"-E", master.log, "-S", with_percents_doubled(master.socket)});
  option(argv, "LogLevel", "DEBUG1");
  option(argv, "ControlMaster", "yes");
  option(argv, "ControlPersist", "no");
  if (master.password) option(argv, "BatchMode", "no");  // the first one counts
  TRY(add_terms(argv, master, host.settings));
  const auto& agent = host.settings.forward_agent;
  std::string forwarded = "no";
  if (agent && !agent->empty()) {
    TRY_ASSIGN(forwarded, config_path(*agent));
  }
  option(argv, "ForwardAgent", forwarded);
  for (const char* name : {"ForwardX11", "Tunnel"}) option(argv, name, "no");
  option(argv, "ClearAllForwardings", "yes");
  option(argv, "RemoteCommand", "none");
  if (host.settings.session_is_set) {
    option(argv, "SessionType", "default");
    option(argv, "StdinNull", "no");
    option(argv, "ForkAfterAuthentication", "no");
  }
  std::vector<SshConfig::Wanted> stops;
  for (const OpensshStop& stop : master.stops) stops.push_back(stop.wanted);
  TRY(add_way(argv, master.overrides, stops, [&](Words& words, std::size_t stop) {
    option(words, "ControlMaster", "no");
    option(words, "ControlPath", "none");
    option(words, "LogLevel", "INFO");  // a key that it can't keep is said then
    if (master.stops[stop].settings.session_is_set) option(words, "ForkAfterAuthentication", "no");
    return add_terms(words, master, master.stops[stop].settings);
  }));
  add_place(argv, host.wanted);
  argv.insert(argv.end(), {"--", host.wanted.name, remote_command});
  return argv;
}

Words openssh_slave(const std::string& socket, const std::string& remote_command, bool terminal) {
  Words argv = {"ssh", terminal ? "-tt" : "-T", "-F", "none", "-S", with_percents_doubled(socket)};
  option(argv, "ControlMaster", "no");
  option(argv, "LogLevel", "ERROR");
  option(argv, "ProxyCommand", "false");  // where the socket is gone, ssh would connect by itself
  argv.insert(argv.end(), {"--", "host", remote_command});
  return argv;
}

}  // namespace kirikae::ssh
