#include "plan/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/fold.h"
#include "core/shell_quote.h"
#include "plan/columns.h"
#include "plan/preflight.h"
#include "release/lookup.h"

namespace kirikae::plan {
namespace {

using release::State;

std::string state_text(const release::ReleaseOnHost* release) {
  if (release == nullptr) return "missing";
  return release->state ? std::string(release::name_of(*release->state)) : "unmarked";
}

std::string by_whom(const release::ReleaseOnHost* live, const std::optional<LogEntry>& entry) {
  if (entry) return entry->by;
  return live == nullptr ? std::string() : live->deployed_by;
}

// release, state, revision, since, by
std::vector<std::string> row_of(const HostStatus& host) {
  const release::Facts& facts = host.facts;
  if (facts.current_is_directory) return {"a real directory", "", "", "", ""};
  if (facts.current_is_file) return {"a file", "", "", "", ""};
  if (!facts.current_target.empty()) return {"-> " + facts.current_target, "", "", "", ""};
  if (facts.live.empty()) return {"none", "", "", "", ""};
  const auto* release = release::find_release(facts, facts.live);
  const auto entry = switch_to(host.log, facts.live);
  return {facts.live, state_text(release), release == nullptr ? "" : short_revision(release->revision), entry ? time_text(entry->time) : "",
          by_whom(release, entry)};
}

// What a host is compared with, and what a person may type.
struct Scene {
  std::string usual;      // the release that most hosts run, the newer one of two
  bool alone = true;      // no other one is run by as many
  std::string rollback, prune;
};

Scene scene_of(const recipe::Recipe& recipe, const std::vector<HostStatus>& hosts, const std::string& command) {
  std::map<std::string, int> counts;
  for (const auto& host : hosts) {
    if (!host.facts.live.empty()) ++counts[host.facts.live];
  }
  Scene scene;
  const std::string stage = shell_word(recipe.stage);
  scene.rollback = fmt::format("{} rollback {}", command, stage);
  scene.prune = fmt::format("{} prune {}", command, stage);
  int most = 0;
  for (const auto& [live, count] : counts) {
    if (count < most) continue;
    scene.usual = live;
    scene.alone = count > most;
    most = count;
  }
  return scene;
}

std::vector<std::string> failed_releases(const release::Facts& facts) {
  std::vector<std::string> ids;
  for (const auto& release : facts.releases) {
    if (release.id != facts.live && release.state == State::failed) ids.push_back(release.id);
  }
  return ids;
}

// What is wrong with the link and what it points to.
std::string live_problem(const HostStatus& host, const Scene& scene) {
  const release::Facts& facts = host.facts;
  if (auto text = current_problem(facts); !text.empty()) return text;
  if (!facts.unsettled.empty()) {
    return fmt::format("the rollback to {0} has died behind its switch: '{1} --to {0}{2}' finishes it", facts.live, scene.rollback,
                       facts.frozen ? " --despite-freeze" : "");
  }
  const auto* release = release::find_release(facts, facts.live);
  if (release->state && release->state != State::good) {
    return fmt::format("the live release {} is {}, not good: deploy again, or roll back", facts.live, release::name_of(*release->state));
  }
  if (const auto last = last_switched_to(host.log); !last.empty() && last != facts.live) {
    return fmt::format("'current' was changed by something else: the last deploy or rollback there led to {}", last);
  }
  return {};
}

struct Findings {
  std::vector<Remark> problems, notes;
};

void find(const HostStatus& host, const Scene& scene, Findings& findings) {
  const release::Facts& facts = host.facts;
  const auto problem = [&](std::string text) { findings.problems.push_back({host.host.name, std::move(text)}); };
  const auto note = [&](std::string text) { findings.notes.push_back({host.host.name, std::move(text)}); };
  if (facts.frozen) problem("frozen by " + release::to_text(*facts.frozen));
  if (facts.stale_lock) problem(fmt::format("a dead run has left its lock, {}: the next run takes it over", release::to_text(*facts.stale_lock)));
  if (const auto failed = failed_releases(facts); !failed.empty()) {
    note(fmt::format("failed: {}; the next deploy that succeeds, or '{}', removes that", fmt::join(failed, ", "), scene.prune));
  }
  if (facts.half_pruned) note(fmt::format("an earlier prune could not remove all: the next deploy, or '{}', tries again", scene.prune));
  if (const auto entry = switch_to(host.log, facts.live); entry && !facts.live.empty() && entry->detail == tasks_missing) {
    const bool since = !host.log.entries.empty() && host.log.entries.back().action == "task";
    const std::string text = fmt::format(
        "taken back to {}, and {}: unless they were run since (see the audit), what serves may be the release that was "
        "left",
        facts.live, tasks_missing);
    since ? note(text) : problem(text);
  }
  if (facts.lock) {
    // What it is busy with is nobody's fault.
    note("a run is at work: " + release::to_text(*facts.lock));
    return;
  }
  if (auto text = live_problem(host, scene); !text.empty()) problem(std::move(text));
  if (host.log_unread) problem("its log can't be read: whether something else has changed 'current' is not known");
  if (!facts.live.empty() && facts.live != scene.usual) {
    problem(scene.alone ? fmt::format("runs {}, while {} is what most run", facts.live, scene.usual)
                        : fmt::format("runs {}, while others run {}", facts.live, scene.usual));
  }
  if (const auto unfinished = release::unfinished_releases(facts); !unfinished.empty()) {
    problem(fmt::format("unfinished: {}; the next deploy that succeeds, or '{}', removes that", fmt::join(unfinished, ", "), scene.prune));
  }
}

std::string_view current_word(const release::Facts& facts) {
  if (facts.current_is_directory) return "directory";
  if (facts.current_is_file) return "file";
  if (!facts.current_target.empty()) return "elsewhere";
  return facts.live.empty() ? "none" : "release";
}

Judged judged(const HostStatus& host, const std::string& usual, const Findings& found) {
  const release::Facts& facts = host.facts;
  const auto* release = release::find_release(facts, facts.live);
  const auto entry = switch_to(host.log, facts.live);
  Judged judged{&host, current_word(facts), facts.live.empty() ? "" : state_text(release)};
  if (release != nullptr) judged.revision = release->revision;
  judged.by = by_whom(release, entry);
  if (entry) judged.since = entry->time;
  judged.drift = !facts.live.empty() && facts.live != usual;
  judged.unfinished = release::unfinished_releases(facts);
  judged.failed = failed_releases(facts);
  for (const Remark& problem : found.problems) judged.problems.push_back(problem.text);
  for (const Remark& note : found.notes) judged.notes.push_back(note.text);
  return judged;
}

std::string section(std::string_view title, const std::vector<Remark>& remarks, std::size_t all_hosts) {
  if (remarks.empty()) return {};
  std::string text = fmt::format("\n{}\n", title);
  for (const auto& [what, hosts] : folded(remarks)) text += fmt::format("  {}: {}\n", where_text(hosts, all_hosts), what);
  return text;
}

// Hosts that are alike share a row, those of which there are most first.
std::string table_of(const std::vector<HostStatus>& hosts, std::size_t all_hosts) {
  if (hosts.empty()) return {};
  std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> groups;  // row, hosts
  for (const HostStatus& host : hosts) {
    auto row = row_of(host);
    auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == row; });
    if (same == groups.end()) same = groups.insert(groups.end(), {std::move(row), {}});
    same->second.push_back(host.host.name);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::vector<std::vector<std::string>> rows;
  for (auto& [row, names] : groups) {
    row.push_back(where_text(names, all_hosts));
    rows.push_back(row);
  }
  return '\n' + in_columns({"live", "state", "revision", "since", "by", "where"}, rows);
}

}  // namespace

std::string current_problem(const release::Facts& facts) {
  if (facts.current_is_directory) return "'current' is a real directory, so nothing can be switched there";
  if (facts.current_is_file) return "'current' is a file, not a link, so nothing can be switched there";
  if (!facts.current_target.empty()) return fmt::format("'current' points to '{}', which is none of its releases", facts.current_target);
  if (facts.live.empty()) return "no release is live";
  if (release::find_release(facts, facts.live) == nullptr) return fmt::format("'current' points to release {}, which is not there", facts.live);
  return {};
}

Status status_of(const recipe::Recipe& recipe, const std::vector<HostStatus>& hosts, std::size_t unreached, const std::string& command) {
  const Scene scene = scene_of(recipe, hosts, command);
  const std::size_t all_hosts = hosts.size() + unreached;
  Status status;
  status.usual = scene.usual;
  Findings findings;
  for (const HostStatus& host : hosts) {
    Findings found;
    find(host, scene, found);
    status.hosts.push_back(judged(host, status.usual, found));
    findings.problems.insert(findings.problems.end(), found.problems.begin(), found.problems.end());
    findings.notes.insert(findings.notes.end(), found.notes.begin(), found.notes.end());
  }
  const auto bad = std::ranges::count_if(status.hosts, [](const Judged& host) { return !host.problems.empty(); });
  status.in_order = bad == 0 && unreached == 0;
  status.text = fmt::format("{} on {}: {} host{}", recipe.application, recipe.stage, all_hosts, all_hosts == 1 ? "" : "s");
  if (bad != 0) status.text += fmt::format(", {} not as {} should be", bad, bad == 1 ? "it" : "they");
  if (unreached != 0) status.text += fmt::format(", {} not reached", unreached);
  if (status.in_order) status.text += ", all in order";
  status.text += '\n' + table_of(hosts, all_hosts);
  status.text += section("not as it should be:", findings.problems, all_hosts) + section("besides:", findings.notes, all_hosts);
  return status;
}

}  // namespace kirikae::plan
