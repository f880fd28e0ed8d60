#include "inventory/inventory.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/suggestion.h"

namespace kirikae::inventory {
namespace {

// `*` any text, `?` one byte; linear in practice, never exponential: only the last star is tried again.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Error unmatched(std::string_view flag, std::string_view what, const std::string& pattern,
                const std::vector<std::string>& known) {
  const auto near = nearest_name(pattern, known);
  Error error(ErrorCode::usage, fmt::format("{}{}no host of the stage has the {} '{}'", flag, flag.empty() ? "" : ": ", what, pattern));
  if (near) {
    error.hint = fmt::format("did you mean '{}'?", *near);
  } else if (!known.empty() && known.size() <= 20) {
    error.hint = fmt::format("known: {}", fmt::join(known, ", "));
  }
  return error;
}

std::vector<std::string> names_of(const std::vector<Host>& hosts) {
  std::vector<std::string> names;
  for (const Host& host : hosts) names.push_back(host.name);
  return names;
}

std::vector<std::string> roles_of(const std::vector<Host>& hosts) {
  std::vector<std::string> roles;
  for (const Host& host : hosts) roles.insert(roles.end(), host.roles.begin(), host.roles.end());
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  return roles;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return matches(pattern, name); });
}

Result<void> check_patterns(std::string_view flag, std::string_view what, const std::vector<std::string>& patterns,
                            const std::vector<std::string>& known) {
  for (const auto& pattern : patterns) {
    const bool found =
        std::any_of(known.begin(), known.end(), [&](const auto& name) { return matches(pattern, name); });
    if (!found) return std::unexpected(unmatched(flag, what, pattern, known));
  }
  return {};
}

}  // namespace

bool Host::has_any_role(const std::vector<std::string>& wanted) const {
  if (wanted.empty() || every_role) return true;
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const auto& role) { return std::find(roles.begin(), roles.end(), role) != roles.end(); });
}

std::expected<std::vector<Host>, recipe::Errors> expand(const recipe::Recipe& recipe) {
  std::vector<recipe::ExpandedHost> expanded;
  recipe::Errors errors = recipe::expand_hosts(recipe.hosts, recipe.ssh.port, expanded);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  const bool without_roles =
      std::all_of(recipe.hosts.begin(), recipe.hosts.end(), [](const auto& entry) { return entry.roles.empty(); });
  std::vector<Host> hosts;
  hosts.reserve(expanded.size());
  for (auto& each : expanded) {
    const recipe::HostEntry& entry = recipe.hosts[each.entry];
    Host host;
    host.name = std::move(each.name);
    host.address = std::move(each.spec.address);
    host.port = each.spec.port;
    host.user = recipe.user;
    if (!entry.user.empty()) host.user = entry.user;
    if (!each.spec.user.empty()) host.user = each.spec.user;
    host.transport = entry.transport.empty() ? recipe.ssh.transport : entry.transport;
    host.roles = entry.roles;
    host.every_role = without_roles;
    host.primary = entry.primary;
    host.vars = entry.vars;
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Result<std::vector<Host>> select(const std::vector<Host>& hosts, const Filter& filter) {
  const auto names = names_of(hosts);
  TRY(check_patterns("--hosts", "name", filter.hosts, names));
  TRY(check_patterns("--exclude", "name", filter.exclude, names));
  const auto roles = roles_of(hosts);
  for (const auto& role : filter.roles) {
    if (std::find(roles.begin(), roles.end(), role) == roles.end())
      return std::unexpected(unmatched("--roles", "role", role, roles));
  }
  std::vector<Host> selected;
  std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(selected), [&](const Host& host) {
    return (filter.hosts.empty() || any_matches(filter.hosts, host.name)) && host.has_any_role(filter.roles) &&
           !any_matches(filter.exclude, host.name);
  });
  if (selected.empty()) {
    return std::unexpected(Error(ErrorCode::usage,
                                 "no host is left: --hosts, --roles and --exclude leave out all of the stage",
                                 fmt::format("the stage has {} hosts; select less narrowly", hosts.size())));
  }
  return selected;
}

Result<std::vector<Host>> named(const std::vector<Host>& hosts, const std::string& pattern) {
  TRY(check_patterns("", "name", {pattern}, names_of(hosts)));
  std::vector<Host> those;
  std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(those), [&](const Host& host) { return matches(pattern, host.name); });
  return those;
}

}  // namespace kirikae::inventory
