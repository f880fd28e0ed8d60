#include "ssh/openssh_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "host/command.h"
#include "ssh/askpass.h"
#include "ssh/known_hosts_file.h"
#include "ssh/printable.h"
#include "ssh/session_errors.h"
#include "ssh/socket.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

// Over the time to connect, which ssh itself watches: for key exchange, login and shell, and for jump hosts.
constexpr std::chrono::seconds openssh_login_limit{60};
constexpr std::size_t longest_notice = 200;

Error login_failure(const Target& target, const OpensshLog& log, const std::string& noise, const std::string& trust_command) {
  // What a jump host's ssh or a proxy command has said is on standard error; what it means is there, too.
  const OpensshLog said = log.greeted || noise.empty() ? log : read_openssh_log(noise);
  const OpensshLog& cause = said.complaint.empty() ? log : said;
  const std::string place = place_of(target);
  const std::string words = cause.complaint.empty() ? "it ended and said nothing" : "'" + cause.complaint + "'";
  const std::string see = "see what ssh says: " + ssh_command(target);
  switch (cause.code) {
    case ErrorCode::host_key:
      // ssh's own words for what no line for the key would mend.
      if (cause.complaint.find(" revoked") != std::string::npos) {
        return Error(cause.code, fmt::format("ssh refuses the host key of {}: {}", place, words),
                     "the host needs a new key; until it has one, anybody who holds the revoked key can pretend to be this host");
      }
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

bool says_closed(std::string_view text) {
  return text.find("Connection closed by") != std::string_view::npos || text.find("Connection reset by") != std::string_view::npos;
}

// No line of it says anything else.
bool says_only_closed(std::string_view text) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!says_closed(line) && line.find_first_not_of("\r ") != std::string_view::npos) return false;
  }
  return true;
}

// Closed before any key exchange, by the host, or by a jump host on the way there, so that it takes no more logins now. Where a jump host has a
// banner, its ssh's own words can't be told from that.
bool takes_no_logins(const OpensshLog& log, const std::string& noise, const std::vector<OpensshStop>& stops) {
  if (log.greeted || !says_closed(log.complaint) || !stops.front().settings.proxy_command.empty()) return false;
  if (stops.size() == 1) return true;
  // Each ssh of a chain says that it was closed; the one that knows why says so before, but in OpenSSH 10 where the host just hung up.
  const OpensshLog said = read_openssh_log(noise);
  return said.complaint.empty() ||
         (said.code == ErrorCode::connect && (noise.find("_exchange_identification: ") != std::string::npos || says_only_closed(noise)));
}

// Where no ssh_config is read, the settings are all that there is.
Overrides overrides_of(const Settings& settings, const HostSettings& host) {
  if (settings.config) return settings.config->overrides();
  return {.config = "none", .known_hosts = host.known_hosts, .identities = host.identities};
}

constexpr const char* advice_for_place = "make that file writable, or name another one first (ssh: known_hosts_file)";

// ssh takes a key for kept that went to /dev/null, say, and for good enough where it can't be kept: any key then, each time. So new ones
// are taken only where they have a place. The reason why they have none, where that is so.
std::string refuse_homeless_keys(std::vector<OpensshStop>& stops) {
  std::string why;
  for (auto& [wanted, settings] : stops) {
    if (!settings.accept_new || settings.known_hosts.empty()) continue;
    const auto may = KnownHostsFile::may_open(settings.known_hosts.front());
    if (may) continue;
    settings.accept_new = false;
    why = may.error().message;
  }
  return why;
}

// What is said of a new key that has no place.
Error with_reason(Error error, const std::string& homeless) {
  if (homeless.empty() || error.code != ErrorCode::host_key || error.message.find(" key is known for ") == std::string::npos) return error;
  error.message += ", and it can't be kept: " + homeless;
  error.hint = advice_for_place;
  return error;
}

// Of the host, not of ssh itself: a key's path may have any words.
Wanted wanted_by_host(const std::string& question) { return question.starts_with("Enter ") ? Wanted::other : wanted_by(question); }

// Errors: lost, connect (no shell was started), timeout and cancelled, both without a message. `beside` is called in every round, and there is
// one where `also` is readable.
Result<void> wait_for_shell(ControlShell& shell, const Wait& wait, int also, const std::function<void()>& beside) {
  Link& link = shell.link();
  const StopWakes wakes(wait.stop, *link.waker());
  for (;;) {
    shell.pump([](Stream, std::string_view) {});
    if (shell.is_ready()) return {};
    if (link.lost()) return std::unexpected(lost_error(link, {}));
    if (!shell.problem().empty()) return std::unexpected(shell_error(link, shell, {}));
    if (wait.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, {}));
    if (wait.deadline.passed()) return std::unexpected(Error(ErrorCode::timeout, {}));
    link.wait(wait.deadline.tightened(shell.next_look()), also);
    beside();
  }
}

}  // namespace

// A password that was given for the host, by what says so to its ssh: once, since hosts lock accounts.
class OpensshLogin::Given {
 public:
  Given(Passwords& passwords, const Target& target, const Wait& wait) : passwords_(passwords), target_(target) {
    if (auto known = passwords.password(target, {}, wait)) password_ = *std::move(known);
  }

  [[nodiscard]] bool is_there() const { return password_ != nullptr; }
  // None where there is no more to say: it was refused, or has expired.
  std::optional<Secret> say(Wanted wanted) {
    if (was_said_ || wanted != Wanted::password) {
      (wanted == Wanted::password ? is_refused_ : is_expired_) = true;
      return std::nullopt;
    }
    was_said_ = true;
    return Secret(std::string(password_->reveal()));
  }
  // After a login that failed with this error: what was wrong, as far as it is about the password. It is not said again.
  Error judge(Error error) {
    if (was_said_) passwords_.refuse(target_, password_);
    if (is_expired_) return expired_password(target_).on(target_.name);
    if (!was_said_ || (!is_refused_ && error.code != ErrorCode::auth)) return error;
    error.message = fmt::format("ssh could not log in on {}: password: {}", place_of(target_), passwords_.given_up(target_));
    error.code = ErrorCode::auth;
    return error;
  }

 private:
  Passwords& passwords_;
  const Target& target_;
  Passwords::Password password_;
  bool was_said_ = false, is_refused_ = false, is_expired_ = false;
};

// What somebody types as the host's password is said to its other connections, too.
class OpensshLogin::Typed {
 public:
  Typed(OpensshLogin& login, const Target& target) : login_(login), account_(account_key(target) + '\n') {}

  // Once for each question: a second time it was wrong.
  std::optional<Secret> known(const std::string& question) {
    const std::scoped_lock lock(login_.mutex_);
    const auto found = login_.typed_.find(account_ + question);
    if (found == login_.typed_.end() || !said_.insert(question).second) return std::nullopt;
    return Secret(std::string(found->second.reveal()));
  }
  void note(const std::string& question, const Secret& typed) { typed_.insert_or_assign(question, Secret(std::string(typed.reveal()))); }
  void is_in() {
    const std::scoped_lock lock(login_.mutex_);
    for (auto& [question, typed] : typed_) login_.typed_.insert_or_assign(account_ + question, std::move(typed));
  }

 private:
  OpensshLogin& login_;
  const std::string account_;
  std::set<std::string> said_;
  std::map<std::string, Secret> typed_;
};

Result<OpensshLogin::Ended> OpensshLogin::log_in(const Target& target, std::vector<OpensshStop> stops, ControlShell::Mode mode,
                                                 const std::function<void(std::string_view)>& tell, const Wait& wait) {
  const bool beside = mode != ControlShell::Mode::control, terminal = mode == ControlShell::Mode::terminal;
  const HostSettings& host = stops.back().settings;
  const std::string homeless = refuse_homeless_keys(stops);
  TRY_ASSIGN(PrivateFolder folder, PrivateFolder::make());
  const Overrides overrides = overrides_of(settings_, host);
  std::optional<AskpassDesk> desk;
  const std::string desk_path = folder / "ask";
  Given given(passwords_, target, wait);
  if ((questions_.can_ask() || given.is_there()) && !settings_.askpass.empty()) {
    TRY_ASSIGN(desk, AskpassDesk::open(desk_path));
  }
  const OpensshMaster master{overrides, stops, OpensshLink::socket(folder), OpensshLink::log(folder), desk && questions_.can_ask(),
                             desk && given.is_there(), terminal};
  TRY_ASSIGN(auto argv, openssh_master(master, terminal ? host::terminal_line() : host::start_line()));
  ChildCall call{.argv = std::move(argv), .without = host.sent_environment};
  if (desk) {
    call.environment = {{"SSH_ASKPASS", settings_.askpass}, {"SSH_ASKPASS_REQUIRE", "force"}, {askpass_variable, desk_path}};
  }
  tell("connecting with ssh");
  TRY_ASSIGN(auto started, OpensshLink::start({target, std::move(folder), std::move(call), fmt::format("{} {}", target.address, target.port), beside}));
  OpensshLink& link = *started;
  const auto limit = [&] { return wait.deadline.tightened(Deadline::in(host.connect_timeout + openssh_login_limit)); };
  Wait waiting{limit(), wait.stop};
  OpensshQuestions::Login questions(questions_, wait.stop);
  Typed passwords(*this, target);
  const AskpassDesk::Answers answers{[&](const std::string& question, int asker) {
                                       const bool by_host = asker == link.process();
                                       const Wanted wanted = wanted_by_host(question);
                                       if (given.is_there() && by_host && wanted != Wanted::other) {
                                         if (auto password = given.say(wanted)) return *std::move(password);
                                         link.fail("its password is of no use");
                                         link.shut_down();  // no answer would be one, too
                                         return Secret();
                                       }
                                       if (!questions_.can_ask() || (by_host && !host.login.why_not_asked().empty())) return Secret();
                                       const bool is_password = by_host && wanted == Wanted::password;
                                       if (auto known = is_password ? passwords.known(question) : std::nullopt) return *std::move(known);
                                       Secret typed = questions.answer(question, asker);
                                       if (is_password) passwords.note(question, typed);
                                       waiting.deadline = limit();  // somebody had to type
                                       return typed;
                                     },
                                     [&](const std::string& text) { tell(printable(text, longest_notice)); }};
  TRY_ASSIGN(auto carried, shell_on(std::move(started), mode, waiting));
  const auto greeting = wait_for_shell(carried.shell, waiting, desk ? desk->fd() : -1, [&] {
    if (desk) desk->serve(answers);
  });
  const OpensshLog log = link.said();
  if (log.logged_in && !log.signing_failed) questions.is_in();
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
    const std::string& noise = carried.shell.noise();
    if (takes_no_logins(log, noise, stops)) return Ended{std::nullopt, Error(ErrorCode::connect, log.complaint).on(target.name)};
    Error error = given.judge(login_failure(target, log, noise, settings_.trust_command).on(target.name));
    error = with_reason(std::move(error), homeless);
    if (log.greeted && says_closed(log.complaint)) return Ended{std::nullopt, std::move(error), true};
    return std::unexpected(std::move(error));
  }
  passwords.is_in();
  const std::string& not_kept = log.not_kept.empty() ? link.said_on_the_way().not_kept : log.not_kept;
  if (!not_kept.empty()) {
    const std::string whose = log.not_kept.empty() ? "a jump host on the way to " : "";
    return std::unexpected(Error(ErrorCode::host_key, fmt::format("the new host key of {}'{}' can't be kept: ssh says '{}'", whose, target.name, not_kept),
                                 advice_for_place)
                               .on(target.name));
  }
  if (!log.new_key.empty() && settings_.warn) settings_.warn(target.name, "ssh: " + log.new_key);
  return Ended{std::move(carried)};
}

}  // namespace kirikae::ssh
