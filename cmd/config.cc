#include <fmt/format.h>

#include <algorithm>

#include "inventory/inventory.h"
#include "load.h"
#include "local.h"
#include "recipe/load.h"
#include "ssh/explain.h"
#include "ui/sanitize.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

// Of the hosts only those that are selected, each by itself.
std::expected<void, Errors> select_hosts(const Options& options, recipe::Recipe& recipe) {
  if (options.hosts.empty() && options.roles.empty() && options.exclude.empty()) return {};
  const auto hosts = selected_hosts(recipe, options);
  if (!hosts) return std::unexpected(hosts.error());
  recipe.hosts.clear();
  for (const auto& host : hosts->selected) {
    recipe::HostEntry entry{host.address, host.roles, host.primary, {}, {}, {}, host.vars, {}};
    if (host.port != recipe.ssh.port) entry.port = host.port;
    if (host.user != recipe.user) entry.user = host.user;
    if (host.transport != recipe.ssh.transport) entry.transport = host.transport;
    recipe.hosts.push_back(std::move(entry));
  }
  return {};
}

std::string settings_text(const std::vector<ssh::SettingLine>& lines) {
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, line.name.size() + line.value.size());
  width = std::min<std::size_t>(width, 40);
  std::string text;
  for (const auto& line : lines) {
    const std::string said = fmt::format("{}: {}", line.name, line.value);
    text += fmt::format("  {:<{}}  # {}\n", said, width + 2, line.origin);
  }
  return text;
}

// Of `auto`, with what decides for ssh already here.
ssh::SettingLine transport_line(const inventory::Host& host, const ssh::HostSettings& settings) {
  std::string value = host.transport.empty() ? "libssh2" : host.transport;
  if (carrier(value) == ssh::Carrier::automatic && !settings.beyond.empty()) value += ", openssh for " + settings.beyond.front().directive;
  return {"transport", value, host.transport.empty() ? "default" : "recipe"};
}

Ended show_ssh(const Call& call) {
  auto request = load_request(call.options, call.stop);
  if (!request) return std::unexpected(std::move(request).error());
  const auto config = ssh_config(request->recipe.ssh);
  const ssh::Wait wait{Deadline::never(), call.stop};
  std::vector<ssh::SshConfig::Wanted> wanted;
  for (const auto& host : request->hosts) wanted.push_back({host.address, host.port, host.user});
  const auto settings = config->of(wanted, wait);
  std::string text;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!settings[i]) return std::unexpected(Errors{Error(settings[i].error()).on(request->hosts[i].name)});
    const auto usual = config->usual(wanted[i], wait);
    if (!usual) return std::unexpected(Errors{Error(usual.error()).on(request->hosts[i].name)});
    auto lines = ssh::explain(*settings[i], *usual, wanted[i], config->overrides());
    lines.insert(lines.begin(), transport_line(request->hosts[i], *settings[i]));
    text += request->hosts[i].name + ":\n" + settings_text(lines);
    for (const std::string& warning : settings[i]->warnings) text += "  # warning: " + warning + '\n';
    if (carrier(request->hosts[i].transport) != ssh::Carrier::libssh2) continue;
    for (const auto& beyond : settings[i]->beyond) text += fmt::format("  # {}: {}\n", beyond.needed ? "error" : "warning", beyond.text);
  }
  if (const auto failed = show_text(ui::sanitize_text(text))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace

Ended run_config(const Call& call) {
  if (call.options.ssh) return show_ssh(call);
  auto answered = load_answered(call.options, call.stop);
  if (!answered) return std::unexpected(std::move(answered).error());
  if (auto done = select_hosts(call.options, answered->recipe); !done) return std::unexpected(std::move(done).error());
  if (const auto failed = show_text(recipe::to_yaml(answered->recipe))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
