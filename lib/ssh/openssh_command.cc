#include "ssh/openssh_command.h"

#include <fmt/format.h>

namespace kirikae::ssh {
namespace {

// A path in a value of ssh_config(5): in quotes, since several may stand there; a percent sign twice, since it begins a token. What
// begins the name of an environment variable, and quotes themselves, can't be written.
Result<std::string> config_path(const std::string& path) {
  if (path.find_first_of("\"\\") != std::string::npos || path.find("${") != std::string::npos) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("ssh can't be told the path '{}'", path),
                                 "rename it: no quote, backslash or '${' may be in it"));
  }
  std::string text = "\"";
  for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text + '"';
}

}  // namespace

Result<std::vector<std::string>> openssh_command(const Overrides& overrides, const SshConfig::Wanted& host, bool terminal,
                                                 const std::string& remote_command) {
  std::vector<std::string> argv = {"ssh", terminal ? "-t" : "-T"};
  if (!overrides.config.empty()) argv.insert(argv.end(), {"-F", overrides.config});
  const auto option = [&](const std::string& name, const std::string& value) {
    argv.emplace_back("-o");
    argv.push_back(name + '=' + value);
  };
  if (overrides.accept_new) option("StrictHostKeyChecking", *overrides.accept_new ? "accept-new" : "yes");
  if (!overrides.known_hosts.empty()) {
    std::string files;
    for (const std::string& path : overrides.known_hosts) {
      TRY_ASSIGN(const std::string text, config_path(path));
      files += (files.empty() ? "" : " ") + text;
    }
    option("UserKnownHostsFile", files);
    option("GlobalKnownHostsFile", "/dev/null");
    option("UpdateHostKeys", "no");
  }
  for (const std::string& path : overrides.identities) {
    TRY_ASSIGN(const std::string text, config_path(path));
    option("IdentityFile", text);
  }
  if (!overrides.identities.empty()) option("IdentitiesOnly", "yes");
  if (overrides.forward_agent) option("ForwardAgent", *overrides.forward_agent ? "yes" : "no");
  if (overrides.connect_timeout) option("ConnectTimeout", std::to_string(overrides.connect_timeout->count()));
  if (overrides.keepalive) option("ServerAliveInterval", std::to_string(overrides.keepalive->count()));
  if (host.port != 0) argv.insert(argv.end(), {"-p", std::to_string(host.port)});
  if (!host.user.empty()) argv.insert(argv.end(), {"-l", host.user});
  argv.insert(argv.end(), {"--", host.name, remote_command});
  return argv;
}

}  // namespace kirikae::ssh
