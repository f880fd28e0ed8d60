#include "transfer/git_submodules.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "recipe/recipe.h"
#include "recipe/rules.h"
#include "transfer/entry.h"

namespace kirikae::transfer {
namespace {

// Calls with each of the texts that a NUL ends.
template <class F>
void each_text(std::string_view all, F&& call) {
  for (std::size_t from = 0; from < all.size();) {
    const auto to = std::min(all.find('\0', from), all.size());
    call(all.substr(from, to - from));
    from = to + 1;
  }
}

// `<mode> <type> <sha>\t<path>`, NUL behind each. The list of a large repository is long, so it is looked through as it comes.
Result<std::vector<Submodule>> commits_in_tree(const Git& git, const std::string& sha) {
  std::vector<Submodule> found;
  std::string rest;
  TRY_ASSIGN(const auto answer, git.stream({"ls-tree", "-r", "-z", sha}, [&](std::string_view bytes) -> Result<void> {
    rest += bytes;
    const auto end = rest.rfind('\0');
    if (end == std::string::npos) return {};
    each_text(std::string_view(rest).substr(0, end + 1), [&](std::string_view line) {
      const auto tab = line.find('\t');
      constexpr std::string_view start = "160000 commit ";
      if (tab == std::string_view::npos || !line.starts_with(start)) return;
      found.push_back({std::string(line.substr(tab + 1)), std::string(line.substr(start.size(), tab - start.size()))});
    });
    rest.erase(0, end + 1);
    return {};
  }));
  if (answer.ok()) return found;
  return std::unexpected(Error(ErrorCode::local, fmt::format("commit {} can't be listed: {}", short_name(sha), answer.words)));
}

// As git judges it: it becomes a path below .git/modules.
bool is_sound_name(std::string_view name) {
  if (name.empty() || name.starts_with('/') || name.starts_with('-')) return false;
  for (std::size_t from = 0; from <= name.size();) {
    const auto to = std::min(name.find_first_of("/\\", from), name.size());
    if (name.substr(from, to - from) == "..") return false;
    from = to + 1;
  }
  return true;
}

Error without(const std::string& path, const std::string& why, std::string hint) {
  return {ErrorCode::recipe, fmt::format("submodule {} can't be had: {}", shown(path), why), std::move(hint)};
}

// As some servers' pages give URLs to whom they know: git asks its credential helper who it is.
std::string without_user(std::string url) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) return url;
  const auto host = url.find("://") + 3;
  const auto user = url.substr(host, url.find('/', host) - host);
  const auto at = user.rfind('@');
  return at == std::string::npos || user.find(':') < at ? url : url.erase(host, at + 1);
}

// Where the operator's own repository has it: below its .git, or in `folder`, where it was cloned to before it was added.
Result<std::string> git_dir_of(const Submodule& submodule, const GitRepository& parent, const std::string& folder) {
  const std::string usual = parent.git_dir + "/modules/" + submodule.name;
  if (std::filesystem::exists(usual) || folder.empty()) return usual;
  TRY_ASSIGN(const auto found, Git::in_folder(folder, parent.git.stop()).ask({"rev-parse", "--absolute-git-dir"}));
  return found.ok() && found.line() != parent.git_dir ? found.line() : usual;  // the parent's: it isn't checked out
}

}  // namespace

Result<std::vector<Submodule>> submodules_of(const GitRepository& repository, const std::string& sha) {
  TRY_ASSIGN(auto found, commits_in_tree(repository.git, sha));
  if (found.empty()) return found;
  // Git reads a .gitmodules that way without following its `include`.
  TRY_ASSIGN(const auto settings, repository.git.ask({"config", "--blob", sha + ":.gitmodules", "-z", "--get-regexp", R"(^submodule\..*\.(path|url)$)"}));
  std::map<std::string, std::string, std::less<>> names, urls;  // by path; by name
  if (settings.ok()) {
    each_text(settings.text, [&](std::string_view setting) {
      const auto line = setting.find('\n');
      if (line == std::string_view::npos) return;
      const auto key = setting.substr(0, line), value = setting.substr(line + 1);
      const std::string name(key.substr(10, key.rfind('.') - 10));
      if (key.ends_with(".path")) {
        names.emplace(value, name);
      } else {
        urls.emplace(name, value);
      }
    });
  }
  for (Submodule& each : found) {
    const auto name = names.find(each.path);
    if (name == names.end()) continue;
    if (!is_sound_name(name->second)) {
      return std::unexpected(without(each.path, fmt::format(".gitmodules gives it the name {}, which leads elsewhere", shown(name->second)), {}));
    }
    each.name = name->second;
    each.url = urls[each.name];
  }
  return found;
}

std::string resolved_url(std::string_view repository, std::string_view url) {
  if (!url.starts_with("./") && !url.starts_with("../")) return without_user(std::string(url));
  std::string base(repository);
  while (base.ends_with('/')) base.pop_back();
  char between = '/';
  for (;;) {
    if (url.starts_with("./")) {
      url.remove_prefix(2);
    } else if (url.starts_with("../")) {
      url.remove_prefix(3);
      auto cut = base.rfind('/');
      if (cut == std::string::npos) {
        cut = base.rfind(':');
        between = ':';
      }
      if (cut == std::string::npos) break;
      base.resize(cut);
    } else {
      break;
    }
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  return base + between + std::string(url);
}

Result<GitRepository> repository_of(const Submodule& submodule, const GitRepository& parent, const std::string& shown_path,
                                    const std::string& cache_folder) {
  const std::string leave_out = "or leave it out, by `export-ignore` in .gitattributes";
  if (submodule.name.empty()) {
    return std::unexpected(without(shown_path, fmt::format(".gitmodules of {} doesn't name it", parent.name),
                                   "add it there, or remove it from the repository; " + leave_out));
  }
  if (parent.url.empty()) {
    const std::string folder = parent.folder.empty() ? "" : parent.folder + '/' + submodule.path;
    TRY_ASSIGN(const std::string git_dir, git_dir_of(submodule, parent, folder));
    GitRepository own{Git::of_commits(git_dir, parent.git.stop()), git_dir, "submodule " + shown(shown_path)};
    own.folder = folder;
    bool there = std::filesystem::exists(git_dir);
    if (there) {
      TRY_ASSIGN(there, has_commit(own.git, submodule.sha));
    }
    if (there) return own;
    // A bare repository has no submodules of its own.
    const std::string bring = parent.folder.empty() ? "name a clone that `git clone --recurse-submodules` has made instead; "
                                                    : "`git submodule update --init --recursive` brings it, with that commit checked out; ";
    return std::unexpected(without(shown_path, fmt::format("its commit {} is not in {}", short_name(submodule.sha), shown(git_dir)), bring + leave_out));
  }
  const std::string url = resolved_url(parent.url, submodule.url);
  if (!recipe::is_remote(url)) {
    return std::unexpected(without(shown_path, fmt::format("a remote repository may not lead to {}, a path of this machine", shown(url)), leave_out.substr(3)));
  }
  if (const auto wrong = recipe::repository_rule(url); !wrong.empty()) return std::unexpected(without(shown_path, wrong, leave_out.substr(3)));
  auto mirror = mirror_of(url, {submodule.sha, false}, cache_folder, parent.git.stop());
  if (!mirror) return std::unexpected(std::move(mirror).error().with_context("submodule " + shown(shown_path)));
  TRY_ASSIGN(const bool there, has_commit(mirror->git, submodule.sha));
  if (there) return *std::move(mirror);
  return std::unexpected(without(shown_path, fmt::format("{} has no commit {}", shown(url), short_name(submodule.sha)),
                                 "push it there, " + leave_out));
}

}  // namespace kirikae::transfer
