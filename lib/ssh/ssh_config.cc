#include "ssh/ssh_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "core/shell_quote.h"
#include "core/subprocess.h"
#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr std::chrono::seconds answer_limit{30};  // a Match block may run a command
constexpr std::size_t workers = 4;                // ssh -G takes some milliseconds of a processor, and hardly ever waits

// The last line that isn't the general one, which says only that there was an error.
std::string complaint_of(const std::string& text) {
  std::string last;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && line.find("terminating,") == std::string_view::npos) last = line;
  }
  return printable(last, 300);
}

}  // namespace

Result<OpenSshAnswer> SshConfig::ask(const std::string& file, const Wanted& wanted, const Wait& wait) const {
  SubprocessCall call;
  call.argv = {"ssh", "-T", "-G"};
  if (!file.empty()) call.argv.insert(call.argv.end(), {"-F", file});
  if (wanted.port != 0) call.argv.insert(call.argv.end(), {"-p", std::to_string(wanted.port)});
  if (!wanted.user.empty()) call.argv.insert(call.argv.end(), {"-l", wanted.user});
  call.argv.insert(call.argv.end(), {"--", wanted.name});
  call.deadline = wait.deadline.tightened(Deadline::in(answer_limit));
  call.stop = wait.stop;
  std::string said, complained;
  call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? complained : said) += bytes; };
  const auto end = run_subprocess(call);
  if (!end && end.error().code == ErrorCode::timeout) {
    return std::unexpected(Error(ErrorCode::timeout, fmt::format("ssh -G did not say in time how '{}' is reached", wanted.name),
                                 "a 'Match exec' of ssh_config may hang: ssh -G " + wanted.name));
  }
  if (!end) return std::unexpected(end.error());
  if (end->status != 0) {
    return std::unexpected(Error(ErrorCode::connect, fmt::format("ssh_config can't be used: {}", complaint_of(complained)),
                                 "ssh itself stops there too; name another file under 'ssh' in the recipe (config: PATH), or none"));
  }
  return OpenSshAnswer(said);
}

Result<const OpenSshAnswer*> SshConfig::defaults(const Wait& wait) {
  const std::scoped_lock lock(mutex_);
  if (!defaults_) {
    TRY_ASSIGN(defaults_, ask("none", {"localhost", 0, {}}, wait));
  }
  return &*defaults_;
}

Result<HostSettings> SshConfig::find_out(const Wanted& wanted, const Wait& wait) {
  TRY_ASSIGN(const OpenSshAnswer* usual, defaults(wait));
  TRY_ASSIGN(const OpenSshAnswer answer, ask(overrides_.config, wanted, wait));
  TRY_ASSIGN(HostSettings settings, to_settings(answer, *usual, wanted.name, self_));
  if (!overrides_.known_hosts.empty()) settings.known_hosts = overrides_.known_hosts;
  settings.accept_new = overrides_.accept_new.value_or(settings.accept_new);
  if (!overrides_.identities.empty()) {
    settings.identities = overrides_.identities;
    settings.identities_given = settings.identities_required = settings.identities_only = true;
  }
  settings.forward_agent = overrides_.forward_agent.value_or(settings.forward_agent);
  settings.connect_timeout = overrides_.connect_timeout.value_or(settings.connect_timeout);
  settings.keepalive = overrides_.keepalive.value_or(settings.keepalive);
  settings.command = ssh_command(wanted);
  return settings;
}

Result<HostSettings> SshConfig::of(const Wanted& wanted, const Wait& wait) {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = known_.find(wanted); found != known_.end()) return found->second;
  }
  auto settings = find_out(wanted, wait);
  if (settings) {
    const std::scoped_lock lock(mutex_);
    known_.emplace(wanted, *settings);
    known_.emplace(Wanted{wanted.name, settings->port, settings->user}, *settings);  // what is known from then on
  }
  return settings;
}

std::vector<Result<HostSettings>> SshConfig::of(const std::vector<Wanted>& wanted, const Wait& wait) {
  std::vector<Result<HostSettings>> answers(wanted.size(), std::unexpected(Error()));
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < wanted.size(); i = next++) answers[i] = of(wanted[i], wait);
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(workers, wanted.size()); ++i) others.emplace_back(work);
    work();
  }
  return answers;
}

Result<HostSettings> SshConfig::usual(const Wanted& wanted, const Wait& wait) {
  TRY_ASSIGN(const OpenSshAnswer* usual, defaults(wait));
  TRY_ASSIGN(const OpenSshAnswer answer, ask("none", wanted, wait));
  return to_settings(answer, *usual, wanted.name, self_);
}

std::string SshConfig::ssh_command(const Wanted& wanted) const {
  std::string text = "ssh";
  if (!overrides_.config.empty()) text += " -F " + shell_word(overrides_.config);
  if (wanted.port != 0) text += fmt::format(" -p {}", wanted.port);
  return text + ' ' + shell_word(wanted.user.empty() ? wanted.name : wanted.user + '@' + wanted.name);
}

}  // namespace kirikae::ssh
