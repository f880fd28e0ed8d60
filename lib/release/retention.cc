#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/fold.h"
#include "release/lookup.h"
#include "release/release.h"

namespace kirikae::release {

namespace {

bool is_good(const Facts& host, std::string_view id) {
  const auto* release = find_release(host, id);
  return release != nullptr && release->state == State::good;
}

std::string newest_live(const std::vector<Facts>& hosts) {
  std::string newest;
  for (const auto& host : hosts) newest = std::max(newest, host.live);
  return newest;
}

// "20260101000000 good, 20260102000000 bad (live)"; "nothing".
std::string list(const Facts& host) {
  std::vector<std::string> words;
  for (const auto& release : host.releases) {
    words.push_back(fmt::format("{} {}{}", release.id, release.state ? name_of(*release.state) : "without a record",
                                release.id == host.live ? " (live)" : ""));
  }
  return words.empty() ? "nothing" : fmt::format("{}", fmt::join(words, ", "));
}

// Hosts that have the same are named together.
std::string what_each_has(const std::vector<Facts>& hosts) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const auto& host : hosts) {
    auto has = list(host);
    auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == has; });
    if (known == groups.end()) known = groups.insert(groups.end(), {std::move(has), {}});
    known->second.push_back(host.host);
  }
  if (groups.size() == 1)
    return fmt::format("{} has {}", hosts.size() == 1 ? "the host" : "every host", groups.front().first);
  std::vector<std::string> parts;
  for (const auto& [has, names] : groups) {
    parts.push_back(fmt::format("{} {} {}", fold_names(names), names.size() == 1 ? "has" : "have", has));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

Error no_target(std::string_view message, std::string hint, const std::vector<Facts>& hosts) {
  return Error(ErrorCode::preflight, fmt::format("{}: {}", message, what_each_has(hosts)), std::move(hint));
}

std::string on_all(const std::vector<Facts>& hosts) {
  return hosts.size() == 1 ? "on the host" : "on every selected host";
}

}  // namespace

std::string newest_release(const std::vector<Facts>& hosts) {
  std::string newest;
  for (const auto& host : hosts) {
    newest = std::max(newest, host.live);
    if (!host.releases.empty()) newest = std::max(newest, host.releases.back().id);
  }
  return newest;
}

Result<std::string> previous_release(const std::vector<Facts>& hosts) {
  const auto live = newest_live(hosts);
  if (live.empty()) {
    const bool any = std::any_of(hosts.begin(), hosts.end(), [](const auto& host) { return !host.releases.empty(); });
    return std::unexpected(no_target("no release is live, so there is none to go back to",
                                     any ? "name the release to switch to with --to" : "deploy a release first", hosts));
  }
  const bool died = std::any_of(hosts.begin(), hosts.end(), [&](const auto& host) { return host.live == live && !host.unsettled.empty(); });
  if (died && std::all_of(hosts.begin(), hosts.end(), [&](const auto& host) { return is_good(host, live); })) return live;
  const auto& releases = hosts.front().releases;
  for (auto candidate = releases.rbegin(); candidate != releases.rend(); ++candidate) {
    const auto& id = candidate->id;
    if (id < live && std::all_of(hosts.begin(), hosts.end(), [&](const auto& host) { return is_good(host, id); }))
      return id;
  }
  return std::unexpected(no_target(fmt::format("no good release older than '{}' is {}", live, on_all(hosts)),
                                   "deploy a release, or name one with --to", hosts));
}

std::string condemned_release(const Facts& host) {
  return host.unsettled > host.live && find_release(host, host.unsettled) != nullptr ? host.unsettled : std::string();
}

Result<std::string> named_release(const std::vector<Facts>& hosts, std::string_view id) {
  for (const auto& host : hosts) {
    const auto* release = find_release(host, id);
    if (release == nullptr) {
      return std::unexpected(
          no_target(fmt::format("release '{}' is not {}", id, on_all(hosts)), "name a release that is", hosts));
    }
    if (release->state == State::preparing || release->state == State::failed) {
      return std::unexpected(no_target(fmt::format("release '{}' is not complete {}", id, on_all(hosts)),
                                       "name a release that is", hosts));
    }
  }
  return std::string(id);
}

std::vector<std::string> to_prune(const Facts& host, std::string_view live, std::string_view rollback_target,
                                  int keep) {
  // Newest first: what is kept is known before what is older. The live one counts, also where `host` was read before it was made.
  std::vector<std::string> pruned;
  int kept = 1;
  for (auto release = host.releases.rbegin(); release != host.releases.rend(); ++release) {
    if (release->id >= live || !release->state) continue;
    if (host.lock && release->state == State::preparing) continue;  // somebody's run is at work on it
    if (release->state == State::good && kept < keep) {
      ++kept;
      continue;
    }
    const bool never_served_well = release->state != State::good && release->state != State::bad;
    if (release->id != rollback_target && (never_served_well || kept >= keep)) pruned.push_back(release->id);
  }
  std::reverse(pruned.begin(), pruned.end());
  return pruned;
}

std::vector<std::string> to_prune_now(const Facts& host, std::string_view rollback_target, int keep) {
  std::string own_target;
  for (const auto& release : host.releases) {
    if (release.state == State::good && release.id < host.live) own_target = release.id;
  }
  auto pruned = host.live.empty() ? std::vector<std::string>() : to_prune(host, host.live, own_target, keep);
  std::erase(pruned, rollback_target);
  for (const auto& release : host.releases) {
    const bool left_behind = release.state && *release.state != State::good && *release.state != State::bad;
    if (left_behind && (host.live.empty() || release.id > host.live)) pruned.push_back(release.id);
  }
  return pruned;
}

}  // namespace kirikae::release
