#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/fold.h"
#include "core/overloaded.h"
#include "plan/columns.h"
#include "plan/plan.h"
#include "plan/preflight.h"
#include "plan/status.h"

namespace kirikae::plan {
namespace {

std::string row(std::string_view label, const std::string& text) { return fmt::format("  {:<14} {}\n", label, text); }

std::string listed(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::string source_words(const Unpack& unpack, const std::optional<SourceText>& source) {
  if (!source) return unpack.rsync ? "by rsync" : "as " + unpack.encoding;
  const std::string how = unpack.rsync ? "by rsync" : "packed as " + (unpack.encoding == "none" ? "plain tar" : unpack.encoding);
  const auto packed = fmt::format("{} file{}, {}, {}{}", unpack.files, unpack.files == 1 ? "" : "s", size_text(unpack.bytes), how,
                                  unpack.limit_rate == 0 ? "" : fmt::format(", at most {} a second to all hosts together", size_text(unpack.limit_rate)));
  if (unpack.rsync && !unpack.rsync->base.empty()) {
    return fmt::format("{}; what is the same is {} from {}", packed, unpack.rsync->link ? "linked" : "copied", unpack.rsync->base);
  }
  if (!unpack.rebuild || unpack.rebuild->base.empty()) return packed;
  const release::Delta& delta = *unpack.delta;
  const bool others = std::any_of(delta.moved.begin(), delta.moved.end(),
                                  [](const auto& move) { return move.from.starts_with("../"); });
  return fmt::format("{}; {} of {} files{}, {}, {} from {}{}", packed, delta.reused.size(), source->files,
                     delta.patched.empty() ? "" : fmt::format(" and parts of {}", delta.patched.size()),
                     size_text(delta.reused_bytes), unpack.rebuild->link ? "linked" : "copied", unpack.rebuild->base,
                     others ? " and others" : "");
}

// What one step changes on its host.
std::string step_rows(const Step& step, const std::optional<SourceText>& source, event::Phase phase) {
  return std::visit(Overloaded{
                        [](const Prepare& s) { return row("make", release::Layout::link_target(s.info.id)); },
                        [&](const Unpack& s) { return row("upload", source_words(s, source)); },
                        [](const Link& s) {
                          std::string rows;
                          if (!s.directories.empty()) rows += row("link folders", listed(s.directories));
                          if (!s.files.empty()) rows += row("link files", listed(s.files));
                          if (!s.copied.empty() && !s.info.previous.empty()) rows += row("copy", listed(s.copied) + " from " + s.info.previous);
                          return rows;
                        },
                        [](const PlaceTemplate& s) {
                          const auto& spec = s.file.spec;
                          return row("template", fmt::format("{}{} ({:04o}) from {}", spec.shared ? "shared/" : "", spec.to,
                                                             spec.mode.value_or(0), s.file.text->path()));
                        },
                        [&](const RunTask& s) { return row("run", fmt::format("{}{} ({})", s.task, s.become.empty() ? "" : " as " + s.become, event::name_of(phase))); },
                        [](const Seal&) { return std::string(); },
                        [](const Publish& s) {
                          if (s.id == s.expected_live) return row("finish", "the rollback to " + s.id + ", which has died behind its switch");
                          return (s.condemned.empty() ? "" : row("mark", s.condemned + " bad")) +
                                 row("switch", fmt::format("current -> {} (now {})", release::Layout::link_target(s.id),
                                                           s.expected_live.empty() ? "none" : s.expected_live));
                        },
                        [](const Unpublish&) { return std::string(); },  // of the way back only: back_text
                        [](const Settle& s) {
                          std::string rows;
                          for (const auto& [id, state] : s.marks) rows += row("mark", fmt::format("{} {}", id, release::name_of(state)));
                          return rows;
                        },
                        [](const Prune& s) { return row("prune", removal_text(s)); },
                    },
                    step);
}

// What is done with a host if anything fails from the switch on.
std::string back_text(const Plan& plan, std::size_t index) {
  std::vector<std::string> parts;
  for (const Round& round : plan.undo) {
    for (const HostSteps& host : round.hosts) {
      if (host.host != index) continue;
      for (const Step& step : host.steps) {
        if (const auto* publish = std::get_if<Publish>(&step)) parts.push_back("current -> " + release::Layout::link_target(publish->id));
        if (const auto* unpublish = std::get_if<Unpublish>(&step)) {
          parts.push_back(unpublish->target.empty() ? "current is removed" : "current -> " + unpublish->target);
        }
        if (const auto* task = std::get_if<RunTask>(&step)) parts.push_back(task->task);
      }
    }
  }
  return parts.empty() ? std::string() : row("if that fails", listed(parts));
}

std::string host_text(const Plan& plan, std::size_t index, const std::optional<SourceText>& source) {
  if (plan.hosts[index].already) return row("nothing", "it runs " + plan.release + " already");
  std::string text;
  for (const Round& round : plan.rounds) {
    if (round.local) text += row("run here", fmt::format("{} ({}, on this machine, once)", round.local->task, event::name_of(round.phase)));
    for (const HostSteps& host : round.hosts) {
      if (host.host != index) continue;
      for (const Step& step : host.steps) text += step_rows(step, source, round.phase);
    }
  }
  return text + back_text(plan, index);
}

}  // namespace

std::string to_text(const Plan& plan, const std::optional<SourceText>& source) {
  std::string text = fmt::format("{} {} to {}: release {}, revision {}\n", plan.action == "rollback" ? "roll back" : plan.action,
                                 plan.application, plan.stage, plan.release,
                                 plan.revision);
  std::vector<std::pair<std::string, std::vector<std::string>>> paragraphs;  // what changes, on which hosts
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    const std::string what = host_text(plan, i, source);
    auto same = std::find_if(paragraphs.begin(), paragraphs.end(), [&](const auto& p) { return p.first == what; });
    if (same == paragraphs.end()) same = paragraphs.insert(paragraphs.end(), {what, {}});
    same->second.push_back(plan.hosts[i].host.name);
  }
  for (const auto& [what, hosts] : paragraphs) {
    text += fmt::format("\n{}{}\n{}", fold_names(hosts), hosts.size() > 1 ? fmt::format(" ({} hosts)", hosts.size()) : "", what);
  }
  return text + "\nnothing was changed\n";
}

std::string releases_text(const std::vector<HostFacts>& hosts, std::size_t all_hosts) {
  struct Row {
    std::string state, revision, by;
    auto operator<=>(const Row&) const = default;
  };
  struct Places {
    std::vector<std::string> hosts, live;
  };
  std::map<std::string, std::map<Row, Places>, std::greater<>> releases;
  std::vector<Remark> remarks;
  for (const HostFacts& host : hosts) {
    if (auto problem = current_problem(host.facts); !problem.empty()) remarks.push_back({host.host.name, std::move(problem)});
    for (const auto& release : host.facts.releases) {
      const std::string state = release.state ? std::string(release::name_of(*release.state)) : "unmarked";
      Places& places = releases[release.id][{state, release.revision, release.deployed_by}];
      places.hosts.push_back(host.host.name);
      if (host.facts.live == release.id) places.live.push_back(host.host.name);
    }
  }
  if (releases.empty()) return "no releases\n";
  std::vector<std::vector<std::string>> lines;
  for (const auto& [id, rows] : releases) {
    for (const auto& [row, places] : rows) {
      std::string where = where_text(places.hosts, all_hosts);
      if (places.live.size() == places.hosts.size()) {
        where = "live on " + where;
      } else if (!places.live.empty()) {
        where += ", live on " + where_text(places.live, all_hosts);
      }
      lines.push_back({id, row.state, short_revision(row.revision), row.by, where});
    }
  }
  std::string text = in_columns({"release", "state", "revision", "by", "where"}, lines);
  for (const auto& [what, names] : folded(remarks)) text += fmt::format("{}: {}\n", where_text(names, all_hosts), what);
  return text;
}

}  // namespace kirikae::plan
