#include "session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <type_traits>
#include <utility>

#include "askpass.h"
#include "core/shell_quote.h"
#include "deploy/secrets.h"
#include "display.h"
#include "load.h"
#include "local.h"
#include "ssh/ssh_connector.h"
#include "ui/ask.h"
#include "ui/sanitize.h"
#include "ui/terminal.h"

namespace kirikae::cmd {
namespace {

// `what` wants to be confirmed: --yes does, or whoever sits at the terminal.
Result<void> agreed(const Call& call, const std::string& what, const std::string& question) {
  if (call.options.yes) return {};
  if (!ui::can_ask()) {
    return std::unexpected(Error(ErrorCode::usage, fmt::format("{} wants to be confirmed, and nobody can be asked here", what),
                                 "--yes answers for you"));
  }
  std::string answer = ui::ask_line(question + " [y/N]", call.stop).value_or("");
  std::ranges::transform(answer, answer.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (answer == "y" || answer == "yes") return {};
  return std::unexpected(Error(ErrorCode::cancelled, "not confirmed; nothing was done"));
}

// What a stage with `confirm: true` asks before anything is connected.
Result<void> confirm(const Call& call, const deploy::Request& request) {
  if (!request.recipe.confirm) return {};
  const std::string& stage = request.recipe.stage;
  std::string doing = call.options.verb == Verb::rollback ? "roll back"
                      : call.options.verb == Verb::prune  ? "remove old releases of"
                                                          : "deploy to";
  if (call.options.verb == Verb::task) doing = fmt::format("run task {} on", call.options.argument);
  const auto count = request.hosts.size();
  return agreed(call, fmt::format("stage '{}'", stage), fmt::format("{} {} ({} host{})?", doing, stage, count, count == 1 ? "" : "s"));
}

// For the verbs that run commands.
std::expected<void, Errors> fetch(const Call& call, deploy::Request& request) {
  auto secrets = deploy::fetch_secrets(request.recipe, environment_variable, std::move(request.secret_answers), call.stop);
  if (!secrets) return std::unexpected(std::move(secrets).error());
  request.secrets = *std::move(secrets);
  return {};
}

// For the verbs that run none, and log in.
std::expected<void, Errors> fetch_password(const Call& call, deploy::Request& request) {
  recipe::Recipe few = request.recipe;
  std::erase_if(few.secrets, [&](const auto& secret) { return secret.first != few.ssh.password; });
  if (few.secrets.empty() || call.options.verb == Verb::trust) return {};
  auto secrets = deploy::fetch_secrets(few, environment_variable, {}, call.stop);
  if (!secrets) return std::unexpected(std::move(secrets).error());
  request.secrets = *std::move(secrets);
  return {};
}

ssh::Passwords::Given password_of(const deploy::Request& request) {
  const std::string& name = request.recipe.ssh.password;
  if (!request.secrets || !request.secrets->kept().contains(name)) return {};
  return {[secrets = request.secrets, name](const ssh::Target&) { return std::optional(Secret(std::string(secrets->kept().at(name).reveal()))); },
          fmt::format("the secret '{}'", name)};
}

// What ssh_config says that isn't followed, where that is no error.
std::vector<std::string> not_followed(const ssh::HostSettings& settings, ssh::Carrier carrier) {
  std::vector<std::string> texts = settings.warnings;
  for (const auto& beyond : settings.beyond) {
    if (carrier == ssh::Carrier::libssh2 && !beyond.needed) texts.push_back(beyond.text);
  }
  return texts;
}

// The ports and users that ssh_config has for hosts, and what it says that isn't followed. Where it can't be asked, connecting will say so.
std::vector<plan::Remark> take_from_ssh_config(std::vector<inventory::Host>& hosts, ssh::SshConfig& config, const std::stop_token& stop) {
  std::vector<plan::Remark> remarks;
  std::vector<ssh::SshConfig::Wanted> wanted;
  for (const auto& host : hosts) wanted.push_back({host.address, host.port, host.user});
  const auto answers = config.of(wanted, {Deadline::never(), stop});
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!answers[i]) continue;
    hosts[i].port = answers[i]->port;
    hosts[i].user = answers[i]->user;
    for (const std::string& text : not_followed(*answers[i], carrier(hosts[i].transport))) remarks.push_back({hosts[i].name, "ssh_config: " + text});
  }
  return remarks;
}

// The same of the jump hosts before them.
void add_remarks_on_jump_hosts(deploy::Request& request, ssh::SshConfig& config, ssh::KeyTrust& ways, const std::stop_token& stop) {
  const ssh::Wait wait{Deadline::never(), stop};
  for (const auto& host : request.hosts) {
    const auto stops = ways.stops_to({host.name, host.address, host.port, host.user}, wait);
    if (!stops) continue;
    for (const ssh::Stop& jump : *stops) {
      const auto settings = config.of({jump.target.address, jump.target.port, jump.target.user}, wait);
      if (!jump.jump || !settings) continue;
      const std::string whose = fmt::format("ssh_config of jump host '{}': ", jump.target.name);
      for (const std::string& text : not_followed(*settings, carrier(host.transport))) request.remarks.push_back({host.name, whose + text});
    }
  }
}

template <class Work>
auto with_surroundings(const Call& call, bool reading, deploy::Request request, const Work& work)
    -> std::expected<decltype(work(request, std::declval<deploy::Surroundings>())), Errors> {
  auto cache = cache_folder();
  if (!cache) return std::unexpected(Errors{std::move(cache).error()});
  Display display(call.options, reading, call.stop);
  const auto config = ssh_config(request.recipe.ssh);
  request.remarks = take_from_ssh_config(request.hosts, *config, call.stop);
  if (!request.recipe.templates.empty()) take_from_ssh_config(request.other_hosts, *config, call.stop);
  ssh::Settings settings;
  settings.config = config;
  for (const auto& host : request.hosts) settings.carriers.emplace(host.name, carrier(host.transport));
  settings.parallel = request.recipe.ssh.parallel;
  settings.ask = display.asker();
  settings.askpass = own_program();
  settings.password = password_of(request);
  settings.warn = [&](const std::string& host, const std::string& text) { display.warn(host, text); };
  settings.trust_command = fmt::format("{} trust {}", request.command, shell_word(request.recipe.stage));
  const auto connector = ssh::make_connector(std::move(settings));
  add_remarks_on_jump_hosts(request, *config, *connector, call.stop);
  if (call.stop.stop_requested()) {
    return std::unexpected(
        Errors{Error(ErrorCode::cancelled, "stopped before anything was connected; nothing was done")});
  }
  const auto now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  const auto confirm = [&](const std::string& what, const std::string& question) {
    const auto pause = display.pause();
    return agreed(call, what, question);
  };
  auto ended = work(request, deploy::Surroundings{
      .connector = *connector, .events = display.sink(), .unix_now = now, .cache_folder = *std::move(cache), .stop = call.stop, .confirm = confirm, .keys = connector.get(), .program = own_program()});
  if constexpr (std::is_same_v<decltype(ended), deploy::Reading>) display.answer(ended.text, ended.json);
  return ended;
}

void add_failure(event::Report& report, std::optional<Error> failure) {
  if (!failure) return;
  report.errors.push_back(*std::move(failure));
  report.outcome = event::worse(report.outcome, event::Outcome::failed);
  if (report.exit_code == 0) report.exit_code.reset();  // of commands
}

}  // namespace

Ended change_hosts(const Call& call, const Change& change, const WrongRecipe& wrong) {
  auto request = load_request(call.options, call.stop, wrong);
  if (!request) return std::unexpected(std::move(request).error());
  if (auto confirmed = confirm(call, *request); !confirmed) {
    return std::unexpected(Errors{std::move(confirmed).error()});
  }
  if (auto fetched = fetch(call, *request); !fetched) return std::unexpected(std::move(fetched).error());
  auto ended = with_surroundings(call, false, *std::move(request), change);
  // What was done stands.
  if (const auto unseen = output_failure()) {
    ui::write_all(STDERR_FILENO, fmt::format("warning: {}: 'deploy report' shows the run\n", unseen->message));
  }
  return ended;
}

Ended visit_hosts(const Call& call, const Change& visit) {
  if (call.options.output == Output::tty) {
    return std::unexpected(Errors{Error(ErrorCode::usage, "'--output tty' has no meaning here: what commands print comes as lines",
                                        "leave it out")});
  }
  auto request = load_request(call.options, call.stop);
  if (!request) return std::unexpected(std::move(request).error());
  if (auto fetched = fetch(call, *request); !fetched) return std::unexpected(std::move(fetched).error());
  auto visited = with_surroundings(call, false, *std::move(request), visit);
  if (visited) add_failure(*visited, output_failure());
  return visited;
}

namespace {

Ended reading_of(const Call& call, const Read& read, bool ask) {
  auto request = load_request(call.options, call.stop);
  if (!request) return std::unexpected(std::move(request).error());
  if (auto confirmed = ask ? confirm(call, *request) : Result<void>(); !confirmed) {
    return std::unexpected(Errors{std::move(confirmed).error()});
  }
  // Those that ask change hosts, and run hooks.
  if (auto fetched = ask ? fetch(call, *request) : fetch_password(call, *request); !fetched) {
    return std::unexpected(std::move(fetched).error());
  }
  auto reading = with_surroundings(call, true, *std::move(request), read);
  if (!reading) return std::unexpected(std::move(reading).error());
  event::Report report = std::move(reading->report);
  add_failure(report, call.options.output == Output::json ? output_failure() : show_text(ui::sanitize_text(reading->text)));
  return report;
}

}  // namespace

Ended read_hosts(const Call& call, const Read& read) { return reading_of(call, read, false); }

Ended confirm_and_read(const Call& call, const Read& read) { return reading_of(call, read, true); }

}  // namespace kirikae::cmd
