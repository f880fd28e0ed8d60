#include "ssh/ssh_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "core/shell_quote.h"
#include "core/subprocess.h"
#include "ssh/config_reader.h"
#include "ssh/local_file.h"
#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr std::chrono::seconds config_answer_limit{30};  // a Match block may run a command
constexpr std::size_t longest_config = 1U << 20U;
constexpr std::size_t workers = 4;                // ssh -G takes some milliseconds of a processor, and hardly ever waits

constexpr std::string_view reading = "debug1: Reading configuration data ";

// The last line that isn't the general one, which says only that there was an error, or what ssh tells of itself.
std::string complaint_of(const std::string& text) {
  std::string last;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool idle = line.starts_with("debug") || line.starts_with("OpenSSH_") || line.find("terminating,") != std::string_view::npos;
    if (!line.empty() && !idle) last = line;
  }
  return printable(last, 300);
}

std::vector<std::string> files_read(std::string_view text) {
  std::vector<std::string> files;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with(reading)) files.emplace_back(line.substr(reading.size()));
  }
  return files;
}

bool is_in_path(std::string_view program, const std::map<std::string, std::string>& environment) {
  const auto path = environment.find("PATH");
  std::string_view folders = path == environment.end() ? std::string_view() : std::string_view(path->second);
  while (!folders.empty()) {
    const auto folder = folders.substr(0, folders.find(':'));
    folders.remove_prefix(std::min(folder.size() + 1, folders.size()));
    if (::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Paths one behind the other, as they stand in one line.
Result<std::string> expand_list(const std::string& text, const OpenSshAnswer& answer, const std::string& name, const LocalUser& self) {
  std::string list;
  for (std::string_view rest = text; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    TRY_ASSIGN(const std::string path, expand_path(word, answer, name, self));
    list += (list.empty() ? "" : " ") + path;
  }
  return list;
}

}  // namespace

SshConfig::SshConfig(Overrides overrides, LocalUser self)
    : overrides_(std::move(overrides)), self_(std::move(self)), ssh_is_here_(is_in_path("ssh", self_.environment)),
      shape_(files(overrides_.config), self_.home) {}

std::vector<std::string> SshConfig::files(const std::string& file) const {
  if (file == "none") return {};
  if (!file.empty()) return {file};
  return {self_.home + "/.ssh/config", "/etc/ssh/ssh_config"};
}

Result<SshConfig::Answer> SshConfig::ask(const std::string& file, const Wanted& wanted, const Wait& wait) const {
  if (!ssh_is_here_) return read(file, wanted);
  return ask_ssh(file, wanted, wait);
}

Result<SshConfig::Answer> SshConfig::read(const std::string& file, const Wanted& wanted) const {
  std::string text;
  if (wanted.port != 0) text += fmt::format("port {}\n", wanted.port);
  if (!wanted.user.empty()) text += "user " + wanted.user + '\n';
  std::vector<std::string> skipped;
  for (const std::string& path : files(file)) {
    TRY_ASSIGN(const auto content, read_local_file(path, longest_config));
    if (!content && !file.empty()) {
      return std::unexpected(Error(ErrorCode::connect, fmt::format("ssh_config can't be used: '{}' does not exist", path)));
    }
    if (!content) continue;
    ConfigReading reading = read_config(content->bytes, wanted.name);
    text += reading.answer;
    for (const std::string& what : reading.skipped) skipped.push_back(path + ' ' + what);
  }
  std::string name = wanted.name;
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  text += fmt::format("port 22\nuser {}\nuserknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\n", self_.user);
  text += "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n";
  if (OpenSshAnswer(text).values("identityfile").empty()) {
    for (const char* key : {"id_rsa", "id_ecdsa", "id_ed25519"}) text += fmt::format("identityfile ~/.ssh/{}\n", key);
  }
  // What ssh -G says with its tokens replaced; the first value counts.
  const OpenSshAnswer raw("hostname " + name + '\n' + text);
  const std::string alias = OpenSshAnswer(text).value("hostname");
  TRY_ASSIGN(const std::string address, alias.empty() ? Result<std::string>(name) : expand_command(alias, raw, wanted.name));
  TRY_ASSIGN(const std::string known_hosts, expand_list(raw.value("userknownhostsfile"), raw, wanted.name, self_));
  std::string first = "hostname " + address + "\nuserknownhostsfile " + known_hosts + '\n';
  for (const std::string directive : {"identityagent", "forwardagent"}) {
    TRY_ASSIGN(const std::string agent, expand_path(raw.value(directive), raw, wanted.name, self_));
    if (!agent.empty()) first += directive + ' ' + agent + '\n';
  }
  return Answer{OpenSshAnswer(first + text), std::move(skipped)};
}

Result<SshConfig::Answer> SshConfig::ask_ssh(const std::string& file, const Wanted& wanted, const Wait& wait) const {
  SubprocessCall call;
  std::vector<std::string> question{"-G"};
  if (!file.empty()) question.insert(question.end(), {"-F", file});
  if (wanted.port != 0) question.insert(question.end(), {"-p", std::to_string(wanted.port)});
  if (!wanted.user.empty()) question.insert(question.end(), {"-l", wanted.user});
  question.insert(question.end(), {"--", wanted.name});
  call.deadline = wait.deadline.tightened(Deadline::in(config_answer_limit));
  call.stop = wait.stop;
  std::string said, complained;
  call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? complained : said) += bytes; };
  const auto answer = [&](std::vector<std::string> argv) {
    argv.insert(argv.end(), question.begin(), question.end());
    call.argv = std::move(argv);
    said.clear();
    complained.clear();
    return run_subprocess(call);
  };
  std::vector<std::string> asking{"ssh", "-v", "-T"};
  auto end = answer(asking);
  // It doesn't even say what its settings are where one of them is that, and there is no command. An older ssh has no such setting.
  if (end && end->status != 0 && complained.find("fork into background") != std::string::npos) {
    asking.insert(asking.end(), {"-o", "ForkAfterAuthentication=no"});
    end = answer(asking);
  }
  if (!end && end.error().code == ErrorCode::timeout) {
    std::string asked = "ssh";
    for (const std::string& word : question) asked += ' ' + shell_word(word);
    return std::unexpected(Error(ErrorCode::timeout, fmt::format("ssh -G did not say in time how '{}' is reached", wanted.name),
                                 "a 'Match exec' of ssh_config may hang: " + asked));
  }
  if (!end) return std::unexpected(end.error());
  if (end->status != 0) {
    return std::unexpected(Error(ErrorCode::connect, fmt::format("ssh_config can't be used: {}", complaint_of(complained)),
                                 "ssh itself stops there too; name another file under 'ssh' in the recipe (config: PATH), or none"));
  }
  Answer first{OpenSshAnswer(said), {}, files_read(complained)};
  // A hash of the connection, which versions make of different things. In this setting they replace it themselves.
  if (first.said.needs_connection_hash()) {
    asking.insert(asking.end(), {"-o", "ControlPath=%C"});
    end = answer(asking);
    if (!end) return std::unexpected(end.error());
    first.said.set_connection_hash(OpenSshAnswer(said).value("controlpath"));
  }
  return first;
}

Result<const OpenSshAnswer*> SshConfig::defaults(const Wait& wait) {
  const std::scoped_lock lock(mutex_);
  if (!defaults_) {
    TRY_ASSIGN(Answer answer, ask("none", {"localhost", 0, {}}, wait));
    defaults_ = std::move(answer.said);
  }
  return &*defaults_;
}

Result<SshConfig::Answer> SshConfig::ask_once(const Wanted& wanted, const Wait& wait) {
  if (!shape_.is_plain(wanted.name) || shape_is_another_) return ask(overrides_.config, wanted, wait);
  const std::scoped_lock lock(plain_mutex_);  // the others wait for the first one's answer
  const std::pair key{wanted.port, wanted.user};
  auto known = plain_.find(key);
  if (known == plain_.end()) {
    TRY_ASSIGN(Answer answer, ask(overrides_.config, wanted, wait));
    // An ssh that was built to read other files than the usual ones: each host is asked about by itself.
    // And by the token %C each host differs from the next.
    shape_is_another_ = !std::ranges::all_of(answer.files, [&](const std::string& file) { return shape_.has_read(file); }) ||
                        answer.said.needs_connection_hash();
    if (shape_is_another_) return answer;
    known = plain_.emplace(key, std::move(answer)).first;
  }
  return Answer{known->second.said.of_name(wanted.name), known->second.skipped};
}

Result<HostSettings> SshConfig::find_out(const Wanted& wanted, const Wait& wait) {
  TRY_ASSIGN(const OpenSshAnswer* usual, defaults(wait));
  TRY_ASSIGN(const Answer answer, ask_once(wanted, wait));
  TRY_ASSIGN(HostSettings settings, to_settings(answer.said, *usual, wanted.name, self_));
  if (!answer.skipped.empty()) {
    settings.warnings.push_back(fmt::format("no 'ssh' is installed here that could read it whole; passed over: {}", fmt::join(answer.skipped, "; ")));
  }
  if (!overrides_.known_hosts.empty()) {
    settings.known_hosts = overrides_.known_hosts;
    settings.has_place_for_new_keys = true;
  }
  settings.accept_new = overrides_.accept_new.value_or(settings.accept_new);
  if (!overrides_.identities.empty()) {
    settings.identities = overrides_.identities;
    settings.identities_given = settings.identities_required = settings.identities_only = true;
  }
  if (overrides_.forward_agent) {
    settings.forward_agent = *overrides_.forward_agent ? std::optional(settings.agent_socket) : std::nullopt;
  }
  settings.connect_timeout = overrides_.connect_timeout.value_or(settings.connect_timeout);
  settings.keepalive = overrides_.keepalive.value_or(settings.keepalive);
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
  TRY_ASSIGN(const Answer answer, ask("none", wanted, wait));
  return to_settings(answer.said, *usual, wanted.name, self_);
}

}  // namespace kirikae::ssh
