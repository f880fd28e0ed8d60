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

Result<std::vector<std::string>> openssh_command(const Settings& settings, const std::vector<std::string>& usable,
                                                 const Target& target, bool terminal,
                                                 const std::string& remote_command) {
  // No file of settings is read: ours are all there is.
  std::vector<std::string> argv = {"ssh", "-F", "none", terminal ? "-t" : "-T"};
  const auto option = [&](const std::string& name, const std::string& value) {
    argv.emplace_back("-o");
    argv.push_back(name + '=' + value);
  };
  std::string known_hosts;
  for (const std::string& path : settings.known_hosts) {
    TRY_ASSIGN(const std::string text, config_path(path));
    known_hosts += (known_hosts.empty() ? "" : " ") + text;
  }
  option("StrictHostKeyChecking", "yes");
  option("UserKnownHostsFile", known_hosts);
  option("GlobalKnownHostsFile", "/dev/null");
  option("UpdateHostKeys", "no");
  for (const std::string& path : usable) {
    TRY_ASSIGN(const std::string text, config_path(path));
    option("IdentityFile", text);
  }
  if (usable.empty()) option("IdentityFile", "none");
  if (settings.identities_given) option("IdentitiesOnly", "yes");
  option("ConnectTimeout", std::to_string(settings.connect_timeout.count()));
  option("ServerAliveInterval", std::to_string(settings.keepalive.count()));
  argv.insert(argv.end(), {"-p", std::to_string(target.port), "-l", target.user, "--", target.address, remote_command});
  return argv;
}

}  // namespace kirikae::ssh
