#include "local.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "ui/terminal.h"

namespace kirikae::cmd {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Account {
  std::string name, home;
};

Account account() {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return {entry.pw_name, entry.pw_dir};
}

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

}  // namespace

std::string login_name() {
  std::string name = account().name;
  if (name.empty()) name = variable("USER");  // a container may run under a number that no file knows
  return name.empty() ? std::to_string(::getuid()) : name;
}

std::string home_folder() {
  const std::string home = variable("HOME");
  return home.empty() ? account().home : home;
}

std::string operator_name() {
  std::string person;
  for (const char* name : {"GITHUB_ACTOR", "GITLAB_USER_LOGIN", "CIRCLE_USERNAME", "USER"}) {
    if (person.empty()) person = variable(name);
  }
  if (person.empty()) person = login_name();
  return person.substr(0, 200) + '@' + machine_name();  // a line of a record has no room for more
}

std::string job_url() {
  const std::string server = variable("GITHUB_SERVER_URL"), repository = variable("GITHUB_REPOSITORY");
  if (const std::string run = variable("GITHUB_RUN_ID"); !run.empty() && !server.empty() && !repository.empty()) {
    return server + '/' + repository + "/actions/runs/" + run;
  }
  for (const char* name : {"CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL"}) {
    if (std::string url = variable(name); !url.empty()) return url;
  }
  return {};
}

ui::Ci ci_system(bool plain) {
  if (!plain && ui::is_terminal(STDOUT_FILENO)) return ui::Ci::none;
  if (variable("GITHUB_ACTIONS") == "true") return ui::Ci::github;
  return variable("GITLAB_CI") == "true" ? ui::Ci::gitlab : ui::Ci::none;
}

Result<std::string> cache_folder() {
  const std::string cache = variable("XDG_CACHE_HOME");
  if (cache.starts_with('/'))
    return cache + "/kirikae";  // a relative one is to be ignored (XDG base directory specification)
  const std::string home = home_folder();
  if (!home.empty()) return home + "/.cache/kirikae";
  return std::unexpected(
      Error(ErrorCode::local, "no folder for the packed source is known", "set HOME or XDG_CACHE_HOME"));
}

Result<std::string> runs_folder() {
  const std::string state = variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/kirikae/runs";
  const std::string home = home_folder();
  if (!home.empty()) return home + "/.local/state/kirikae/runs";
  return std::unexpected(Error(ErrorCode::local, "no folder for runs is known", "set HOME or XDG_STATE_HOME"));
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

recipe::Surroundings recipe_surroundings() {
  recipe::Surroundings surroundings{{}, home_folder()};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos) {
      surroundings.environment[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return surroundings;
}

ssh::Carrier carrier(const std::string& transport) {
  if (transport == "openssh") return ssh::Carrier::openssh;
  return transport == "auto" ? ssh::Carrier::automatic : ssh::Carrier::libssh2;
}

std::shared_ptr<ssh::SshConfig> ssh_config(const recipe::Ssh& ssh) {
  ssh::LocalUser self{account().home, login_name(), machine_name(), variable("SSH_AUTH_SOCK"), recipe_surroundings().environment};
  ssh::Overrides overrides{ssh.config, ssh.known_hosts, ssh.accept_new, ssh.identities, ssh.connect_timeout, ssh.keepalive, ssh.forward_agent};
  return std::make_shared<ssh::SshConfig>(std::move(overrides), std::move(self));
}

}  // namespace kirikae::cmd
