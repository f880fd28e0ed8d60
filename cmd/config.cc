#include <fmt/format.h>

#include "inventory/inventory.h"
#include "load.h"
#include "recipe/load.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

// Of the hosts only those that are selected, each by itself.
std::expected<void, Errors> select_hosts(const Options& options, recipe::Recipe& recipe) {
  if (options.hosts.empty() && options.roles.empty() && options.exclude.empty()) return {};
  const auto all = inventory::expand(recipe);
  if (!all) return std::unexpected(all.error());
  const auto selected = inventory::select(*all, {options.hosts, options.roles, options.exclude});
  if (!selected) return std::unexpected(Errors{selected.error()});
  recipe.hosts.clear();
  for (const auto& host : *selected) {
    recipe::HostEntry entry{host.address, host.roles, host.primary, {}, {}, host.vars, {}};
    if (host.port != recipe.ssh.port) entry.port = host.port;
    if (host.user != recipe.user) entry.user = host.user;
    recipe.hosts.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Ended run_config(const Call& call) {
  auto recipe = load_stage(call.options);
  if (!recipe) return std::unexpected(std::move(recipe).error());
  Errors open;  // it would be printed with holes
  for (const auto& prompt : recipe->prompts) {
    if (prompt.answered || prompt.secret || prompt.fallback) continue;
    open.emplace_back(ErrorCode::usage, fmt::format("'{}' has no value before it is asked for", prompt.name),
                      fmt::format("--set {}=… gives one", prompt.name));
    open.back().span = prompt.span;
  }
  if (!open.empty()) return std::unexpected(std::move(open));
  if (auto done = select_hosts(call.options, *recipe); !done) return std::unexpected(std::move(done).error());
  if (const auto failed = show_text(recipe::to_yaml(*recipe))) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
