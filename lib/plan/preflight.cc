#include "plan/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "core/fold.h"
#include "core/shell_quote.h"
#include "host/command.h"
#include "plan/payload.h"
#include "release/lookup.h"

namespace kirikae::plan {
namespace {

// Below that, clocks that are kept by NTP, and the whole seconds of date(1), are not told apart.
constexpr std::int64_t clock_noticed = 5;
// A drifting clock doesn't come that far, while the smallest error of a wrong time zone is twice as much. From there on hooks fail that
// sign requests or check certificates (15 minutes is what object stores allow), and the dates of releases and logs mislead.
constexpr std::int64_t clock_refused = 15 * 60;

std::string span_text(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86400);
}

std::string clock_text(std::int64_t ahead) {
  return fmt::format("its clock is {} {} this machine's", span_text(std::abs(ahead)), ahead > 0 ? "ahead of" : "behind");
}

Error on_host(const HostFacts& host, std::string message, std::string hint = {}) {
  return Error(ErrorCode::preflight, std::move(message), std::move(hint)).on(host.host.name);
}

bool any_has_zstd(const DeployInput& input) {
  return std::any_of(input.hosts.begin(), input.hosts.end(), [](const HostFacts& host) { return host.facts.zstd; });
}

void add_packing_problem(const DeployInput& input, const HostFacts& host, std::vector<Error>& problems) {
  const std::string& compression = input.recipe.compression;
  if ((compression != "zstd" || host.facts.zstd) && (compression != "gzip" || host.facts.gzip)) return;
  problems.push_back(on_host(host, fmt::format("there is no '{0}' here, which 'compression: {0}' needs", compression),
                             "install it, or let 'compression: auto' choose what all hosts can unpack"));
}

std::uint64_t folders_of(const release::Manifest& manifest) {
  std::set<std::string_view> folders;
  for (const auto& [path, file] : manifest) {
    std::string_view folder = path;
    for (auto slash = folder.rfind('/'); slash != std::string_view::npos; slash = folder.rfind('/')) {
      folder = folder.substr(0, slash);
      if (!folders.insert(folder).second) break;
    }
  }
  return folders.size();
}

struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};
// What the release takes on hosts. Links take no room but that of their folders; a file that is put together from parts, or that may have
// another mode, is a new one.
class Rooms {
 public:
  explicit Rooms(const DeployInput& input) : input_(input), payloads_(input.source) {}

  Room of(const HostFacts& host) {
    const Room whole{input_.bytes, input_.files};
    const auto delta = input_.recipe.reuse_links ? payloads_.unpack_for(host.facts, {}).delta : nullptr;
    if (!delta || delta->reused.empty()) return whole;
    const auto [known, is_new] = by_delta_.try_emplace(delta, whole);
    if (is_new) take_off(*delta, known->second);
    return known->second;
  }

 private:
  void take_off(const release::Delta& delta, Room& room) {
    release::Paths linked = delta.reused;
    for (const auto& move : delta.moved) linked.erase(move.to);
    for (const std::string& path : linked) room.bytes -= std::min(room.bytes, input_.source.manifest->at(path).size);
    if (folders_ == 0) folders_ = folders_of(*input_.source.manifest);
    room.files = room.files - std::min<std::uint64_t>(room.files, linked.size()) + folders_;
  }

  const DeployInput& input_;
  PayloadChoice payloads_;
  std::uint64_t folders_ = 0;
  std::map<std::shared_ptr<const release::Delta>, Room> by_delta_;
};

std::string prune_advice(const std::string& command, const recipe::Recipe& recipe, const release::Facts& facts) {
  const std::string prune = fmt::format("{} prune {}", command, shell_word(recipe.stage));
  const auto unfinished = release::unfinished_releases(facts);
  if (unfinished.empty()) return fmt::format(": '{} --keep N' removes old releases", prune);
  return fmt::format(": '{}' removes what a run that died has left unfinished ({}), and with --keep N old releases, too", prune, fmt::join(unfinished, ", "));
}

void add_room_problems(const Room& room, const HostFacts& host, const DeployInput& input, std::vector<Error>& problems) {
  const release::Facts& facts = host.facts;
  const release::Layout layout(input.recipe.deploy_to);
  const std::string prune = prune_advice(input.command, input.recipe, facts);
  const std::uint64_t need_kilobytes = room.bytes / 1024 + room.bytes / 10240 + 1024;  // a tenth, and a MiB, for blocks and records
  if (facts.free_kilobytes < need_kilobytes) {
    problems.push_back(on_host(host, fmt::format("the disk of '{}' has {} MiB free, the release needs about {} MiB",
                                                 layout.releases(), facts.free_kilobytes / 1024, need_kilobytes / 1024),
                               "free some room" + prune));
  }
  if (facts.free_inodes != 0 && facts.free_inodes < room.files + 100) {
    problems.push_back(on_host(host, fmt::format("the disk of '{}' has {} inodes free, the release needs about {}",
                                                 layout.releases(), facts.free_inodes, room.files + 100),
                               "remove small files there" + prune));
  }
}

// A few small files: its note, the link, two records, a line for each of the logs. Without them it would take itself back behind the switch.
void add_room_problems(const HostFacts& host, const RollbackInput& input, std::vector<Error>& problems) {
  constexpr std::uint64_t kilobytes = 64, inodes = 8;
  const release::Facts& facts = host.facts;
  if (!facts.problems.empty()) return;  // where not even the lock has room, that is said
  const bool apart = facts.root_kilobytes != facts.free_kilobytes || facts.root_inodes != facts.free_inodes;
  const auto add = [&](std::uint64_t free, std::string_view unit, std::uint64_t needed) {
    problems.push_back(on_host(host, fmt::format("the disk of '{}' has {} {} free, a rollback needs {}",
                                                 release::Layout(input.recipe.deploy_to).root(), free, unit, needed),
                               "free some room" + (apart ? "" : prune_advice(input.command, input.recipe, facts))));
  };
  if (facts.root_kilobytes < kilobytes) add(facts.root_kilobytes, "KiB", kilobytes);
  if (facts.root_inodes != 0 && facts.root_inodes < inodes) add(facts.root_inodes, "inodes", inodes);
}

void add_lock_remarks(const HostFacts& host, const std::string& verb, const std::string& unlock, std::vector<Remark>& remarks) {
  const release::Facts& facts = host.facts;
  if (facts.lock) {
    remarks.push_back({host.host.name, fmt::format("locked by {}: a {} would have to wait", release::to_text(*facts.lock), verb)});
  }
  if (facts.frozen) {
    remarks.push_back({host.host.name, fmt::format("frozen by {}: {}s are refused until '{}'{}", release::to_text(*facts.frozen),
                                                   verb, unlock, verb == "rollback" ? ", but with --despite-freeze" : "")});
  }
}

}  // namespace

std::int64_t clock_ahead(const release::Facts& facts) {
  if (facts.asked == 0 || facts.answered < facts.asked) return 0;
  const std::int64_t middle = facts.asked + (facts.answered - facts.asked) / 2;
  const std::int64_t open = (facts.answered - facts.asked + 1) / 2;
  // A host may say any number: no overflow.
  if (facts.clock < 0 || facts.clock > (std::int64_t{1} << 40)) return std::int64_t{1} << 40;
  const std::int64_t ahead = facts.clock - middle;
  if (std::abs(ahead) <= open) return 0;
  return ahead > 0 ? ahead - open : ahead + open;
}

std::vector<Error> preflight_deploy(const DeployInput& input) {
  const release::Layout layout(input.recipe.deploy_to);
  Rooms rooms(input);
  std::vector<Error> problems;
  for (const HostFacts& host : input.hosts) {
    const release::Facts& facts = host.facts;
    for (const auto& problem : facts.problems) problems.push_back(on_host(host, problem));
    for (const auto& problem : facts.payload_problems) problems.push_back(on_host(host, problem));
    if (input.recipe.transfer == recipe::Transfer::rsync && !facts.rsync) {
      problems.push_back(on_host(host, "there is no 'rsync' here, which 'transfer: rsync' needs: install it, or set 'transfer: delta'"));
    }
    if (facts.current_is_directory) {
      problems.push_back(on_host(host, fmt::format("'{}' is a real directory, not a link, so no release can be switched there",
                                                   layout.current()),
                                 "move it away first; its content is not touched by us"));
    }
    if (std::ranges::find(facts.releases, release::last_release_id, &release::ReleaseOnHost::id) !=
        facts.releases.end()) {
      problems.push_back(on_host(host,
                                 fmt::format("'{}' is no release's time, and no release can come after it",
                                             layout.release(std::string(release::last_release_id))),
                                 "move it away"));
    }
    if (!facts.missing_files.empty()) {
      problems.push_back(on_host(
          host, fmt::format("shared {} missing: {}", facts.missing_files.size() == 1 ? "file is" : "files are",
                            fmt::join(facts.missing_files, ", ")),
          fmt::format("put {} into '{}' on the host", facts.missing_files.size() == 1 ? "it" : "them", layout.shared())));
    }
    add_packing_problem(input, host, problems);
    add_room_problems(rooms.of(host), host, input, problems);
    if (const auto ahead = clock_ahead(facts); std::abs(ahead) > clock_refused) {
      problems.push_back(on_host(host, clock_text(ahead), "set the wrong one of the two, and let NTP keep it"));
    }
  }
  return problems;
}

std::vector<Error> preflight_rollback(const RollbackInput& input) {
  std::vector<Error> problems;
  for (const HostFacts& host : input.hosts) {
    if (host.facts.current_is_directory) {
      problems.push_back(on_host(host, "'" + release::Layout(input.recipe.deploy_to).current() + "' is a real directory, not a link",
                                 "there is nothing that a rollback could switch"));
    }
    for (const auto& problem : host.facts.problems) problems.push_back(on_host(host, problem));
    if (!input.to || host.facts.live != *input.to) add_room_problems(host, input, problems);  // else there is nothing to do but a line for the audit
  }
  return problems;
}

std::vector<Remark> remarks_before_deploy(const DeployInput& input) {
  std::vector<Remark> remarks;
  if (input.recipe.transfer != recipe::Transfer::tarball && input.recipe.reuse_links) {
    remarks.push_back({{}, "'reuse: link' makes releases share their files: whatever writes into one changes the live release, too, and a rollback does not take that back"});
  }
  for (const HostFacts& host : input.hosts) {
    const release::Facts& facts = host.facts;
    const auto remark = [&](std::string text) { remarks.push_back({host.host.name, std::move(text)}); };
    const auto ahead = clock_ahead(facts);
    if (std::abs(ahead) > clock_noticed && std::abs(ahead) <= clock_refused) remark(clock_text(ahead) + ": NTP would keep them together");
    if (!facts.current_target.empty()) {
      remark(fmt::format("'current' points to '{}', which is none of its releases; the deploy switches it all the same", facts.current_target));
    }
    if (!facts.gone_target.empty()) {
      remark(fmt::format("'current' points to release {}, whose folder is not there; the deploy switches it all the same", facts.live));
    }
    if (const auto ids = release::unfinished_releases(facts); !ids.empty()) {
      remark(fmt::format("a run that died has left unfinished: {}; the next deploy that succeeds removes that", fmt::join(ids, ", ")));
    }
  }
  return remarks;
}

std::vector<Remark> lock_remarks(const std::vector<HostFacts>& hosts, const std::string& verb, const std::string& unlock) {
  std::vector<Remark> remarks;
  for (const HostFacts& host : hosts) add_lock_remarks(host, verb, unlock, remarks);
  return remarks;
}

std::vector<Remark> remarks_of_check(const DeployInput& input, const std::string& unlock) {
  std::vector<Remark> remarks = remarks_before_deploy(input);
  const bool chosen_by_hosts = input.recipe.compression == "auto";
  const bool zstd = any_has_zstd(input);
  for (const HostFacts& host : input.hosts) {
    const release::Facts& facts = host.facts;
    const auto remark = [&](std::string text) { remarks.push_back({host.host.name, std::move(text)}); };
    if (facts.stale_lock) {
      remark(fmt::format("a dead run has left its lock, {}: the next run takes it over", release::to_text(*facts.stale_lock)));
    }
    add_lock_remarks(host, "deploy", unlock, remarks);
    if (chosen_by_hosts && !facts.zstd && !facts.gzip) {
      remark("there is neither 'zstd' nor 'gzip' here: the payload travels uncompressed to all hosts");
    } else if (chosen_by_hosts && !facts.zstd && zstd) {
      remark("there is no 'zstd' here: the payload travels as gzip to all hosts");
    }
    if (!facts.setsid) {
      remark("there is no 'setsid' here: of a command that is cancelled or times out, only its own shell is ended, not what it started");
    }
  }
  return remarks;
}

std::vector<std::pair<std::string, std::vector<std::string>>> folded(const std::vector<Remark>& remarks) {
  std::vector<std::pair<std::string, std::vector<std::string>>> texts;
  for (const Remark& remark : remarks) {
    auto same = std::find_if(texts.begin(), texts.end(), [&](const auto& each) { return each.first == remark.text; });
    if (same == texts.end()) same = texts.insert(texts.end(), {remark.text, {}});
    same->second.push_back(remark.host);
  }
  return texts;
}

CommandScene command_scene(const recipe::Recipe& recipe, const HostFacts& host) {
  CommandScene scene{host.facts.environment, recipe.waiting.env, recipe.waiting.vars};
  for (const auto& [name, value] : recipe.env) scene.environment[name] = value;
  for (const auto& name : scene.waiting) scene.environment.erase(name);
  for (const auto& [name, value] : recipe.vars) scene.vars.insert(name);
  for (const auto& [name, value] : host.host.vars) scene.vars.insert(name);
  return scene;
}

std::string commands_text(const recipe::Recipe& recipe, const std::vector<HostFacts>& hosts) {
  std::vector<Remark> each;
  for (const HostFacts& host : hosts) {
    const CommandScene scene = command_scene(recipe, host);
    std::string text = fmt::format("  they run as {}, with umask {}\n", host.host.user, host.facts.umask);
    for (const auto& [name, value] : scene.environment) {
      text += fmt::format("  {}={}{}\n", name, value, recipe.env.contains(name) ? "  (by the recipe)" : "");
    }
    for (const auto& name : scene.waiting) text += fmt::format("  {} waits for the answer to a prompt  (by the recipe)\n", name);
    if (!scene.vars.empty()) text += fmt::format("  vars: {}\n", fmt::join(scene.vars, ", "));
    each.push_back({host.host.name, std::move(text)});
  }
  std::string text;
  for (const auto& [seen, names] : folded(each)) text += fmt::format("what commands see on {}:\n{}", fold_names(names), seen);
  return text;
}

std::string too_long_text(const std::string& what, std::size_t bytes) {
  return fmt::format("{} is too long: {} bytes with its environment, and {} KiB is the most that a host takes", what, bytes, longest_command / 1024);
}

namespace {

// Those that may run once something has failed, too: then it is too late to mend anything.
template <class Look>
void for_each_task(const Plan& plan, Look look) {
  for (const auto* rounds : {&plan.rounds, &plan.undo, &plan.failed}) {
    for (const Round& round : *rounds) {
      for (const HostSteps& work : round.hosts) {
        for (const Step& step : work.steps) {
          if (const auto* task = std::get_if<RunTask>(&step)) look(plan.hosts[work.host], *task, step);
        }
      }
    }
  }
}

// In the plan's order. A task that is in several hooks, or on the way back too, is there once.
using TasksByHost = std::map<const PlannedHost*, std::set<std::string>>;

void add_sudo_problems(const Plan& plan, std::vector<Error>& problems) {
  TasksByHost lacking;
  for_each_task(plan, [&](const PlannedHost& host, const RunTask& task, const Step&) {
    if (!task.become.empty() && !host.facts.sudo) lacking[&host].insert("'" + task.task + "'");
  });
  for (const auto& [host, tasks] : lacking) {
    problems.push_back(Error(ErrorCode::preflight, fmt::format("there is no 'sudo' here, which 'become' of the task{} {} needs: install it",
                                                               tasks.size() == 1 ? "" : "s", fmt::join(tasks, ", ")))
                           .on(host->host.name));
  }
}

void add_length_problems(const Plan& plan, const SecretSet* secrets, std::vector<Error>& problems) {
  TasksByHost told;
  for_each_task(plan, [&](const PlannedHost& host, const RunTask& task, const Step& step) {
    const std::size_t size = host::guard(plan.layout, host.facts.lock_token).size() +
                             command_for(step, plan.layout, host.facts, {{}, plan.revision, secrets}).text.size();
    if (size <= longest_command || !told[&host].insert(task.task).second) return;
    problems.push_back(Error(ErrorCode::preflight, too_long_text(fmt::format("task '{}'", task.task), size),
                             "let it run a script of the release; vars and secrets count, too")
                           .on(host.host.name));
  });
}

}  // namespace

std::vector<Error> task_problems(const Plan& plan, const SecretSet* secrets) {
  std::vector<Error> problems;
  add_sudo_problems(plan, problems);
  add_length_problems(plan, secrets, problems);
  return problems;
}

}  // namespace kirikae::plan
