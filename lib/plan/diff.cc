#include "plan/diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/fold.h"

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

// A name as it is shown: one line, whatever bytes it has.
std::string shown(std::string_view name) {
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

// What has changed of a path that both have; empty: nothing.
std::string change_of(const TreeEntry& live, const TreeEntry& next) {
  if (live.kind != next.kind) return fmt::format("{} -> {}", kind_text(live.kind), kind_text(next.kind));
  if (live.kind == Kind::link) return live.content == next.content ? "" : fmt::format("link {} -> {}", shown(live.content), shown(next.content));
  std::string change = live.content == next.content ? "" : "content";
  if (live.mode != next.mode) change += fmt::format("{}mode {:o} -> {:o}", change.empty() ? "" : ", ", live.mode, next.mode);
  return change;
}

// Counts things that are no folders.
struct Changes {
  std::vector<std::pair<std::string, std::string>> lines;  // path, text
  std::size_t added = 0, removed = 0, changed = 0, unreadable = 0;
};

// Of a path that only `tree` has; a folder stands for all that is in it.
void one_side(char sign, const Tree& tree, const std::string& path, const TreeEntry& entry, std::size_t& count, Changes& changes) {
  if (entry.kind != Kind::directory) {
    ++count;
    changes.lines.emplace_back(path, fmt::format("{} {}", sign, shown(path)));
    return;
  }
  std::size_t files = 0;
  for (auto in = tree.lower_bound(path + '/'); in != tree.end() && lies_in(in->first, path); ++in) {
    files += in->second.kind == Kind::directory ? 0 : 1;
  }
  count += files;
  changes.lines.emplace_back(path, fmt::format("{} {}/ ({} file{})", sign, shown(path), files, files == 1 ? "" : "s"));
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

Changes compare(const Tree& live, const Tree& next) {
  Changes changes;
  for (const auto& [path, entry] : live) {
    const auto at = next.find(path);
    if (entry.kind == Kind::unreadable) {
      ++changes.unreadable;
      changes.lines.emplace_back(path, fmt::format("? {}: can't be read there", shown(path)));
    } else if (at != next.end()) {
      const auto change = change_of(entry, at->second);
      if (change.empty()) continue;
      ++changes.changed;
      changes.lines.emplace_back(path, fmt::format("~ {}: {}", shown(path), change));
    } else if (!inside_missing_folder(next, path)) {
      one_side('-', live, path, entry, changes.removed, changes);
    }
  }
  for (const auto& [path, entry] : next) {
    if (live.contains(path) || inside_missing_folder(live, path) || in_unreadable(live, path)) continue;
    one_side('+', next, path, entry, changes.added, changes);
  }
  std::sort(changes.lines.begin(), changes.lines.end());
  return changes;
}

// Whether something else than the payload may have come into the release before it was sealed.
bool has_build_tasks(const recipe::Recipe& recipe) {
  using recipe::HookPoint;
  return std::any_of(recipe.hooks.begin(), recipe.hooks.end(), [](const auto& hook) {
    return !hook.second.empty() && hook.first >= HookPoint::after_upload && hook.first <= HookPoint::after_publish;
  });
}

std::string group_text(const recipe::Recipe& recipe, const Changes& changes) {
  std::string text;
  for (std::size_t i = 0; i < std::min(changes.lines.size(), most_lines); ++i) text += "  " + changes.lines[i].second + '\n';
  if (changes.lines.size() > most_lines) text += fmt::format("  ... and {} more lines\n", changes.lines.size() - most_lines);
  text += fmt::format("  {} added, {} removed, {} changed", changes.added, changes.removed, changes.changed);
  if (changes.unreadable != 0) text += fmt::format(", {} not read", changes.unreadable);
  text += '\n';
  if (changes.removed != 0 && has_build_tasks(recipe)) text += "  (what is removed may have been made there, by a task)\n";
  return text;
}

}  // namespace

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
    if (group.live.empty()) {
      const auto files = std::count_if(source.begin(), source.end(), [](const auto& item) { return item.second.kind != Kind::directory; });
      all.text += fmt::format("{}: no release is live\n  all {} file{} would be added\n", where, files, files == 1 ? "" : "s");
      all.differs = true;
      continue;
    }
    const Changes changes = compare(group.tree, source);
    all.text += fmt::format("{}: live is {}\n", where, group.live);
    all.text += changes.lines.empty() ? std::string("  no difference\n") : group_text(recipe, changes);
    all.differs = all.differs || !changes.lines.empty();
  }
  return all;
}

}  // namespace kirikae::plan
