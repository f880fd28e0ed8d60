#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "release/release.h"

namespace kirikae::release {

namespace {

const ReleaseOnHost* find(const Facts& host, std::string_view id) {
  const auto at = std::find_if(host.releases.begin(), host.releases.end(), [&](const auto& release) { return release.id == id; });
  return at == host.releases.end() ? nullptr : &*at;
}

bool is_good(const Facts& host, std::string_view id) {
  const auto* release = find(host, id);
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

// Hosts that have the same are one line. Hosts have no names here: they are counted as they stand in the recipe.
std::vector<std::string> what_each_has(const std::vector<Facts>& hosts) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> groups;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    auto has = list(hosts[i]);
    const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == has; });
    if (known != groups.end()) {
      known->second.push_back(i + 1);
    } else {
      groups.push_back({std::move(has), {i + 1}});
    }
  }
  std::vector<std::string> lines;
  for (const auto& [has, numbers] : groups) {
    if (groups.size() == 1) {
      lines.push_back(hosts.size() == 1 ? fmt::format("the host has {}", has) : fmt::format("every host has {}", has));
    } else {
      lines.push_back(fmt::format("host{} {} of {} {} {}", numbers.size() == 1 ? "" : "s", fmt::join(numbers, ", "), hosts.size(),
                                  numbers.size() == 1 ? "has" : "have", has));
    }
  }
  return lines;
}

Error no_target(std::string message, std::string hint, const std::vector<Facts>& hosts) {
  Error error(ErrorCode::preflight, std::move(message), std::move(hint));
  error.context = what_each_has(hosts);
  return error;
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
    return std::unexpected(no_target("no release is live, so there is none to go back to",
                                     "name the release to switch to with --to", hosts));
  }
  const auto& releases = hosts.front().releases;
  for (auto candidate = releases.rbegin(); candidate != releases.rend(); ++candidate) {
    const auto& id = candidate->id;
    if (id < live && std::all_of(hosts.begin(), hosts.end(), [&](const auto& host) { return is_good(host, id); })) return id;
  }
  return std::unexpected(no_target(
      fmt::format("no good release older than '{}' is on {}", live, hosts.size() == 1 ? "the host" : "every selected host"),
      "deploy a release, or name one with --to", hosts));
}

Result<std::string> named_release(const std::vector<Facts>& hosts, std::string_view id) {
  for (const auto& host : hosts) {
    const auto* release = find(host, id);
    if (release == nullptr) {
      return std::unexpected(no_target(
          fmt::format("release '{}' is not on {}", id, hosts.size() == 1 ? "the host" : "every selected host"),
          "name a release that is", hosts));
    }
    if (release->state == State::preparing || release->state == State::failed) {
      return std::unexpected(no_target(
          fmt::format("release '{}' is not complete{}", id, hosts.size() == 1 ? "" : " on every selected host"),
          "name a release that is", hosts));
    }
  }
  return std::string(id);
}

std::vector<std::string> to_prune(const Facts& host, std::string_view live, std::string_view rollback_target, int keep) {
  // Newest first: what is kept is known before what is older.
  std::vector<std::string> pruned;
  int kept = 0;
  for (auto release = host.releases.rbegin(); release != host.releases.rend(); ++release) {
    if (release->id > live || !release->state) continue;
    const bool is_safe = release->id == live || release->id == rollback_target;
    const bool is_keeper = release->id == live || release->state == State::good;
    if (is_keeper && kept < keep) {
      ++kept;
      continue;
    }
    const bool is_unfinished = release->state == State::failed || release->state == State::preparing;
    if (!is_safe && (is_unfinished || kept >= keep)) pruned.push_back(release->id);
  }
  std::reverse(pruned.begin(), pruned.end());
  return pruned;
}

}  // namespace kirikae::release
