#include "ssh/openssh_login.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/subprocess.h"
#include "host/command.h"
#include "ssh/askpass.h"
#include "ssh/printable.h"
#include "ssh/socket.h"
#include "ssh/ssh_session_transport.h"

namespace kirikae::ssh {
namespace {

// Over the time to connect, which ssh itself watches: for key exchange, login and shell, and for jump hosts.
constexpr std::chrono::seconds login_limit{60};
constexpr std::size_t longest_question = 200;
constexpr std::chrono::seconds version_limit{5};

Error failure(const Target& target, const OpensshLog& log, const std::string& noise, const std::string& trust_command) {
  // What a jump host's ssh or a proxy command has said is on standard error; what it means is there, too.
  const OpensshLog said = log.greeted || noise.empty() ? log : read_openssh_log(noise);
  const OpensshLog& cause = said.complaint.empty() ? log : said;
  const std::string place = place_of(target);
  const std::string words = cause.complaint.empty() ? "it ended and said nothing" : "'" + cause.complaint + "'";
  const std::string see = "see what ssh says: " + ssh_command(target);
  switch (cause.code) {
    case ErrorCode::host_key:
      return Error(cause.code, fmt::format("ssh refuses the host key of {}: {}", place, words),
                   trust_command.empty() ? see : fmt::format("find out why; if the key is right: {} (--replace, if it has changed)", trust_command));
    case ErrorCode::auth:
      return Error(cause.code, fmt::format("ssh could not log in on {}: {}", place, words), see);
    case ErrorCode::timeout:
      return Error(cause.code, fmt::format("ssh did not reach {} in time: {}", place, words), see);
    default:
      return Error(ErrorCode::connect, fmt::format("ssh can't connect to {}: {}", place, words), see);
  }
}

bool was_closed(const OpensshLog& log) {
  return log.complaint.find("Connection closed by") != std::string::npos || log.complaint.find("Connection reset by") != std::string::npos;
}

// Where no ssh_config is read, the settings are all that there is.
Overrides overrides_of(const Settings& settings, const HostSettings& host) {
  if (settings.config) return settings.config->overrides();
  return {.config = "none", .known_hosts = host.known_hosts, .identities = host.identities};
}

}  // namespace

// How often somebody had been asked a question when this login was answered it.
struct OpensshLogin::Conversation {
  std::map<std::string, int> answered;
};

// A host's own questions could read as ssh's do. From 8.5 on, ssh puts "(user@host) " before them.
bool OpensshLogin::tells_questions_apart() {
  std::call_once(version_known_, [this] {
    std::string said;
    const SubprocessCall call{.argv = {"ssh", "-V"}, .folder = {}, .environment = {}, .input = {}, .deadline = Deadline::in(version_limit), .stop = {},
                              .on_output = [&](bool, std::string_view bytes) { said += bytes; }};
    int major = 0, minor = 0;
    if (run_subprocess(call) && std::sscanf(said.c_str(), "OpenSSH_%d.%d", &major, &minor) == 2) {
      tells_apart_ = major > 8 || (major == 8 && minor >= 5);
    }
  });
  return tells_apart_;
}

// A passphrase is asked for once in a run. Where ssh asks for it again, it was wrong, unless there is a newer one.
Secret OpensshLogin::answer(const std::string& question, Conversation& conversation) {
  const std::scoped_lock lock(mutex_);
  const bool again = conversation.answered.contains(question);
  int& told = conversation.answered[question];
  const auto known = passphrases_.find(question);
  if (known != passphrases_.end() && known->second.times > told) {
    told = known->second.times;
    return Secret(std::string(known->second.text.reveal()));
  }
  std::string shown = printable(question, longest_question);
  shown.erase(shown.find_last_not_of(": ") + 1);
  Secret given = settings_.ask((again ? "wrong; " : "") + shown);
  if (question.starts_with("Enter passphrase for") && tells_questions_apart()) {
    Passphrase& kept = passphrases_[question];
    kept.text = Secret(std::string(given.reveal()));
    told = ++kept.times;
  }
  return given;
}

Result<OpensshLogin::Ended> OpensshLogin::log_in(const Target& target, const std::vector<OpensshStop>& stops,
                                                 const std::function<void(std::string_view)>& tell, const Wait& wait) {
  const HostSettings& host = stops.back().settings;
  TRY_ASSIGN(PrivateFolder folder, PrivateFolder::make());
  const Overrides overrides = overrides_of(settings_, host);
  std::optional<AskpassDesk> desk;
  const std::string desk_path = folder / "ask";
  if (settings_.ask && !settings_.askpass.empty()) {
    TRY_ASSIGN(desk, AskpassDesk::open(desk_path));
  }
  const OpensshMaster master{overrides, stops, OpensshLink::socket(folder), OpensshLink::log(folder), desk.has_value()};
  TRY_ASSIGN(auto argv, openssh_master(master, host::start_line()));
  ChildCall call{.argv = std::move(argv), .without = host.sent_environment};
  if (desk) {
    call.environment = {{"SSH_ASKPASS", settings_.askpass}, {"SSH_ASKPASS_REQUIRE", "force"}, {askpass_variable, desk_path}};
  }
  tell("connecting with ssh");
  TRY_ASSIGN(auto started, OpensshLink::start({target, std::move(folder), std::move(call), fmt::format("{} {}", target.address, target.port)}));
  OpensshLink& link = *started;
  const auto limit = [&] { return wait.deadline.tightened(Deadline::in(host.connect_timeout + login_limit)); };
  Wait waiting{limit(), wait.stop};
  Conversation conversation;
  const AskpassDesk::Answers answers{[&](const std::string& question) {
                                       Secret given = answer(question, conversation);
                                       waiting.deadline = limit();  // somebody had to type
                                       return given;
                                     },
                                     [&](const std::string& text) { tell(printable(text, longest_question)); }};
  TRY_ASSIGN(auto transport, SshSessionTransport::start(std::move(started), nullptr, {}, waiting));
  const auto greeting = transport->wait_for_hello(waiting, desk ? desk->fd() : -1, [&] {
    if (desk) desk->serve(answers);
  });
  const OpensshLog log = link.said();
  if (wait.stop.stop_requested()) {
    return std::unexpected(Error(ErrorCode::cancelled, "connecting to " + place_of(target) + " was stopped").on(target.name));
  }
  if (!greeting && greeting.error().code == ErrorCode::timeout) {
    const char* what = log.logged_in ? "the login shell on {} did not answer in time" : "ssh did not log in on {} in time";
    return std::unexpected(
        Error(ErrorCode::timeout, fmt::format(fmt::runtime(what), place_of(target)), "see what ssh says: " + ssh_command(target)).on(target.name));
  }
  if (!greeting && log.logged_in) return std::unexpected(greeting.error());
  if (!greeting) {
    const bool direct = stops.size() == 1 && host.proxy_command.empty();
    if (!log.greeted && direct && was_closed(log)) return Ended{nullptr, Error(ErrorCode::connect, log.complaint).on(target.name)};
    Error error = failure(target, log, transport->noise(), settings_.trust_command).on(target.name);
    if (log.greeted && was_closed(log)) return Ended{nullptr, std::move(error), true};
    return std::unexpected(std::move(error));
  }
  if (!log.not_kept.empty()) {
    return std::unexpected(Error(ErrorCode::host_key, fmt::format("the new host key of '{}' can't be kept: ssh says '{}'", target.name, log.not_kept),
                                 "make the file writable, or name another one (ssh: known_hosts_file)")
                               .on(target.name));
  }
  if (!log.new_key.empty() && settings_.warn) settings_.warn(target.name, "ssh: " + log.new_key);
  return Ended{std::move(transport)};
}

}  // namespace kirikae::ssh
