#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/descriptor_limit.h"
#include "host/command.h"
#include "inventory/inventory.h"
#include "load.h"
#include "local.h"
#include "recipe/rules.h"
#include "signals.h"
#include "ssh/openssh_command.h"
#include "ssh/routes.h"
#include "ssh/ssh_connector.h"
#include "ui/ask.h"
#include "ui/sanitize.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

using inventory::Host;

std::vector<std::string> names_of(const std::vector<Host>& hosts) {
  std::vector<std::string> names;
  for (const Host& host : hosts) names.push_back(host.name);
  return names;
}

// By its number in the list, or its name.
Result<Host> chosen(const std::vector<Host>& hosts, const std::string& answer) {
  if (const auto number = recipe::to_number(answer);
      number && *number >= 1 && *number <= static_cast<int>(hosts.size())) {
    return hosts[static_cast<std::size_t>(*number - 1)];
  }
  TRY_ASSIGN(const auto those, inventory::named(hosts, answer));
  if (those.size() == 1) return those.front();
  return std::unexpected(
      Error(ErrorCode::usage, fmt::format("'{}' are several hosts: {}", answer, fmt::join(names_of(those), ", "))));
}

Result<Host> ask_for_one(const std::vector<Host>& hosts, const Call& call) {
  if (!ui::can_ask()) {
    return std::unexpected(Error(ErrorCode::usage, "which host? there are several, and nobody can be asked here",
                                 fmt::format("name one behind the stage: {}", fmt::join(names_of(hosts), ", "))));
  }
  std::string list;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    list += fmt::format("{:>4}  {}  {}\n", i + 1, ui::sanitize_line(hosts[i].name), fmt::join(hosts[i].roles, ", "));
  }
  ui::write_all(STDERR_FILENO, list);
  for (;;) {
    const auto answer = ui::ask_line("which host? its number or name", call.stop);
    if (!answer || answer->empty()) return std::unexpected(Error(ErrorCode::cancelled, "no host was chosen"));
    auto host = chosen(hosts, *answer);
    if (host) return host;
    ui::write_all(STDERR_FILENO, fmt::format("{}\n", ui::sanitize_text(to_text(host.error()))));
  }
}

Result<Host> host_of(const deploy::Request& request, const Call& call) {
  const std::vector<Host>& selected = request.hosts;
  std::vector<Host> hosts = selected;
  const std::string& named = call.options.argument;
  if (!named.empty()) {
    const auto exact = std::ranges::find(selected, named, &Host::name);
    if (exact != selected.end()) return *exact;
    auto those = inventory::named(selected, named);
    if (!those && inventory::named(request.other_hosts, named)) {
      return std::unexpected(Error(ErrorCode::usage, fmt::format("'{}' isn't one of the hosts that are selected", named), "--hosts, --roles or --exclude leave it out"));
    }
    TRY_ASSIGN(hosts, std::move(those));
  }
  if (hosts.size() == 1) return hosts.front();
  if (named.empty() && std::ranges::count(hosts, true, &Host::primary) == 1) {
    return *std::ranges::find(hosts, true, &Host::primary);
  }
  return ask_for_one(hosts, call);
}

// As ssh_config has the way there: the jump hosts, and the host itself.
Result<std::vector<ssh::SshConfig::Wanted>> stops_to(const Host& host, const std::shared_ptr<ssh::SshConfig>& config, const std::stop_token& stop) {
  ssh::Settings settings;
  settings.config = config;
  const ssh::Target target{host.name, host.address, host.port, host.user};
  TRY_ASSIGN(const auto stops, ssh::Routes(settings).stops_to(target, {Deadline::never(), stop}));
  std::vector<ssh::SshConfig::Wanted> wanted;
  for (const auto& each : stops) wanted.push_back({each.target.address, each.target.port, each.target.user});
  return wanted;
}

// Comes back only where it could not be started.
Error take_place(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  Signals::give_back();
  give_back_descriptor_limit();
  ::execvp(argv[0], argv.data());
  if (errno == ENOENT) {
    return {ErrorCode::local, "there is no 'ssh' on this machine", "install OpenSSH's client (Debian: openssh-client)"};
  }
  return {ErrorCode::local, fmt::format("'ssh' can't be started: {}", std::strerror(errno))};
}

}  // namespace

// The end of ssh is ours: it takes this process's place.
Ended run_ssh(const Call& call) {
  const auto request = load_request(call.options, call.stop);
  if (!request) return std::unexpected(request.error());
  auto host = host_of(*request, call);
  if (!host) return std::unexpected(Errors{std::move(host).error()});
  const release::Layout layout(request->recipe.deploy_to);
  const auto config = ssh_config(request->recipe.ssh);
  const auto stops = stops_to(*host, config, call.stop);
  if (!stops) return std::unexpected(Errors{stops.error()});
  auto command = ssh::openssh_command(config->overrides(), *stops, ui::is_terminal(STDIN_FILENO), host::interactive_line(layout));
  if (!command) return std::unexpected(Errors{std::move(command).error()});
  return std::unexpected(Errors{take_place(*std::move(command))});
}

}  // namespace kirikae::cmd
