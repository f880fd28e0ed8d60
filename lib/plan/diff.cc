#include "plan/diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/fold.h"
#include "plan/columns.h"

namespace kirikae::plan {
namespace {

using release::Tree;
using release::TreeEntry;
using Kind = TreeEntry::Kind;

constexpr std::size_t most_lines = 1000;  // of a group

bool lies_in(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

std::vector<std::string> left_alone(const recipe::Recipe& recipe) {
  std::vector<std::string> paths = recipe.shared.directories;
  paths.insert(paths.end(), recipe.shared.files.begin(), recipe.shared.files.end());
  paths.insert(paths.end(), recipe.copied.begin(), recipe.copied.end());
  for (const recipe::Template& made : recipe.templates) {
    if (!made.shared) paths.push_back(made.to);
  }
  paths.emplace_back("REVISION");
  return paths;
}

// A name as it is shown: one line, whatever bytes it has.
std::string on_one_line(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

// Empty `differs`: nothing.
Change change_of(const std::string& path, const TreeEntry& live, const TreeEntry& next) {
  Change change{path, '~', next.kind};
  const auto differs = [&](std::string_view what, const std::string& details) {
    change.differs.push_back(what);
    change.details += (change.details.empty() ? "" : ", ") + details;
  };
  if (live.kind != next.kind) {
    differs("kind", fmt::format("{} -> {}", kind_text(live.kind), kind_text(next.kind)));
  } else if (live.kind == Kind::link) {
    if (live.content != next.content) differs("link", fmt::format("link {} -> {}", on_one_line(live.content), on_one_line(next.content)));
  } else {
    if (live.content != next.content) differs("content", "content");
    if (live.mode != next.mode) differs("mode", fmt::format("mode {:o} -> {:o}", live.mode, next.mode));
  }
  return change;
}

// Of a path that only `tree` has; a folder stands for all that is in it.
void one_side(char sign, const Tree& tree, const std::string& path, const TreeEntry& entry, std::size_t& count, GroupChanges& changes) {
  std::size_t files = 0;
  for (auto in = tree.lower_bound(path + '/'); in != tree.end() && lies_in(in->first, path); ++in) {
    files += in->second.kind == Kind::directory ? 0 : 1;
  }
  count += entry.kind == Kind::directory ? files : 1;
  changes.changes.push_back({path, sign, entry.kind, entry.kind == Kind::directory ? std::optional(files) : std::nullopt});
}

// Then that folder's line stands for it.
bool inside_missing_folder(const Tree& tree, std::string_view path) {
  const auto slash = path.rfind('/');
  return slash != std::string_view::npos && tree.find(path.substr(0, slash)) == tree.end();
}

bool in_unreadable(const Tree& tree, std::string_view path) {
  for (auto slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
    path = path.substr(0, slash);
    const auto at = tree.find(path);
    if (at != tree.end() && at->second.kind == Kind::unreadable) return true;
  }
  return false;
}

GroupChanges compare(const Tree& live, const Tree& next) {
  GroupChanges changes;
  for (const auto& [path, entry] : live) {
    const auto at = next.find(path);
    if (entry.kind == Kind::unreadable) {
      ++changes.unreadable;
      changes.changes.push_back({path, '?', entry.kind});
    } else if (at != next.end()) {
      auto change = change_of(path, entry, at->second);
      if (change.differs.empty()) continue;
      ++changes.changed;
      changes.changes.push_back(std::move(change));
    } else if (!inside_missing_folder(next, path)) {
      one_side('-', live, path, entry, changes.removed, changes);
    }
  }
  for (const auto& [path, entry] : next) {
    if (live.contains(path) || inside_missing_folder(live, path) || in_unreadable(live, path)) continue;
    one_side('+', next, path, entry, changes.added, changes);
  }
  std::sort(changes.changes.begin(), changes.changes.end(), [](const Change& a, const Change& b) { return a.path < b.path; });
  return changes;
}

// Whether something else than the payload may have come into the release before it was sealed.
bool has_build_tasks(const recipe::Recipe& recipe) {
  using recipe::HookPoint;
  return std::any_of(recipe.hooks.begin(), recipe.hooks.end(), [](const auto& hook) {
    return !hook.second.empty() && hook.first >= HookPoint::after_upload && hook.first <= HookPoint::after_publish;
  });
}

std::string line_of(const Change& change) {
  std::string line = fmt::format("{} {}", change.sign, on_one_line(change.path));
  if (change.sign == '?') return line + ": can't be read there";
  if (change.sign == '~') return line + ": " + change.details;
  if (change.files) line += fmt::format("/ ({} file{})", *change.files, *change.files == 1 ? "" : "s");
  return line;
}

std::string commits_text(const Commits& commits) {
  const auto counted = [](std::size_t count) { return fmt::format("{} commit{}", count, count == 1 ? "" : "s"); };
  const std::string from = short_revision(commits.from), to = short_revision(commits.to);
  if (commits.ahead == 0 && commits.behind == 0) return fmt::format("  the same commit, {}\n", to);
  std::string text = fmt::format("  from {} to {}: ", from, to);
  if (commits.ahead == 0) return text + counted(commits.behind) + " back\n";
  text += counted(commits.ahead);
  if (commits.behind != 0) text += fmt::format(", and {} of what is live left out", counted(commits.behind));
  text += '\n';
  for (const auto& [sha, subject] : commits.listed) text += fmt::format("    {} {}\n", short_revision(sha), on_one_line(subject));
  if (commits.ahead > commits.listed.size()) text += fmt::format("    ... and {} more\n", commits.ahead - commits.listed.size());
  return text;
}

std::string group_text(const recipe::Recipe& recipe, const GroupChanges& changes) {
  std::string text;
  for (std::size_t i = 0; i < std::min(changes.changes.size(), most_lines); ++i) text += "  " + line_of(changes.changes[i]) + '\n';
  if (changes.changes.size() > most_lines) text += fmt::format("  ... and {} more lines\n", changes.changes.size() - most_lines);
  text += fmt::format("  {} added, {} removed, {} changed", changes.added, changes.removed, changes.changed);
  if (changes.unreadable != 0) text += fmt::format(", {} not read", changes.unreadable);
  text += '\n';
  if (changes.removed != 0 && has_build_tasks(recipe)) text += "  (what is removed may have been made there, by a task)\n";
  return text;
}

}  // namespace

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::file: return "file";
    case Kind::directory: return "folder";
    case Kind::link: return "link";
    case Kind::other: return "special file";
    case Kind::unreadable: return "unreadable";
  }
  return "";
}

Tree comparable(const recipe::Recipe& recipe, Tree tree) {
  const auto paths = left_alone(recipe);
  std::erase_if(tree, [&](const auto& item) {
    const auto& [path, entry] = item;
    return std::any_of(paths.begin(), paths.end(), [&, &name = path](const std::string& alone) { return name == alone || lies_in(name, alone); });
  });
  // Deepest first, so that a folder that only leads to such a folder goes as well.
  for (auto at = tree.end(); at != tree.begin();) {
    --at;
    const auto& path = at->first;
    if (at->second.kind != Kind::directory) continue;
    const bool leads = std::any_of(paths.begin(), paths.end(), [&](const std::string& alone) { return lies_in(alone, path); });
    const auto in = tree.lower_bound(path + '/');
    if (leads && (in == tree.end() || !lies_in(in->first, path))) at = tree.erase(at);
  }
  return tree;
}

Difference difference(const recipe::Recipe& recipe, const Tree& source, const std::vector<LiveTree>& groups) {
  Difference all;
  for (const LiveTree& group : groups) {
    if (!all.text.empty()) all.text += '\n';
    const std::string where = fold_names(group.hosts);
    GroupChanges& changes = all.groups.emplace_back(compare(group.tree, source));
    changes.hosts = group.hosts;
    changes.live = group.live;
    changes.commits = group.commits;
    if (group.live.empty()) {
      all.text += fmt::format("{}: no release is live\n  all {} file{} would be added\n", where, changes.added, changes.added == 1 ? "" : "s");
      all.differs = true;
      continue;
    }
    all.text += fmt::format("{}: live is {}\n", where, group.live);
    if (group.commits) all.text += commits_text(*group.commits);
    all.text += changes.changes.empty() ? std::string("  no difference\n") : group_text(recipe, changes);
    all.differs = all.differs || !changes.changes.empty();
  }
  return all;
}

}  // namespace kirikae::plan
