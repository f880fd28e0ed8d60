#include "transfer/git_repository.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/shell_quote.h"
#include "recipe/recipe.h"
#include "transfer/entry.h"
#include "transfer/spool.h"

namespace kirikae::transfer {
namespace {

using namespace std::chrono_literals;

constexpr auto fetch_patience = 1h;
constexpr auto look_again = 100ms;  // at a lock that another run has: flock(2) has no wait with an end

Result<Fd> locked(const std::string& path, const std::stop_token& stop) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be made: {}", shown(path), std::generic_category().message(errno)),
                                 "set XDG_CACHE_HOME to a folder that can be written to"));
  }
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock waiting(mutex);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be locked: {}", shown(path), std::generic_category().message(errno))));
    }
    never.wait_for(waiting, stop, look_again, [] { return false; });
    if (stop.stop_requested()) return std::unexpected(cancelled_error());
  }
  return file;
}

// The protocols that a URL of a .gitmodules file may use: as git has it, local ones only where the operator has said so.
Result<std::string> protocols_of_submodules(const Git& git) {
  TRY_ASSIGN(const auto allowed, git.ask({"config", "--get", "protocol.file.allow"}));
  return allowed.line() == "always" ? std::string(fetchable) : "git:http:https:ssh";
}

Result<void> fetch(const Git& git, const std::string& url, const std::vector<std::string>& what) {
  std::vector<std::string> words = {"fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", url};
  words.insert(words.end(), what.begin(), what.end());
  TRY_ASSIGN(const auto answer, git.ask(std::move(words)));
  if (answer.ok()) return {};
  return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be fetched: {}", shown(url), answer.words),
                               "in a deploy git asks nobody: a key, an agent or a credential helper has to answer for you; try "
                               "`git ls-remote` with it"));
}

Result<void> make_mirror(const std::string& all, const std::string& git_dir, std::vector<std::string> more, const std::stop_token& stop) {
  TRY(make_cache_folder(git_dir));
  std::vector<std::string> words = {"init", "--quiet", "--bare", "--template="};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"--", git_dir});
  TRY_ASSIGN(const auto made, Git::in_folder(all, stop).ask(std::move(words)));
  if (made.ok()) return {};
  return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be made: {}", shown(git_dir), made.words)));
}

// A repository names its objects by SHA-1 or by SHA-256, and a mirror has to do it likewise, which git tells only when they meet.
bool names_objects_otherwise(const Error& error) { return error.message.find("mismatched algorithms") != std::string::npos; }

// Git follows no settings of somebody else's repository; `words` has its path. Empty: that isn't it.
std::string advice_on_owner(const std::string& words) {
  if (words.find("dubious ownership") == std::string::npos) return {};
  const auto open = words.find('\''), close = words.rfind('\'');
  if (open == close) return {};
  return "if you trust who owns it: git config --global --add safe.directory " + shell_word(words.substr(open + 1, close - open - 1));
}

}  // namespace

Result<bool> has_commit(const Git& git, const std::string& sha) {
  TRY_ASSIGN(const auto answer, git.ask({"cat-file", "-e", sha + "^{commit}"}));
  return answer.ok();
}

Result<bool> is_shallow(const Git& git) {
  TRY_ASSIGN(const auto answer, git.ask({"rev-parse", "--is-shallow-repository"}));
  return answer.line() == "true";
}

Result<GitRepository> own_repository(const std::string& folder, const std::stop_token& stop) {
  const std::string name = "repository " + shown(folder);
  TRY_ASSIGN(const auto found, Git::in_folder(folder, stop).ask({"rev-parse", "--absolute-git-dir"}));
  if (!found.ok()) {
    if (found.words.find("not a git repository") != std::string::npos) {
      return std::unexpected(Error(ErrorCode::recipe, shown(folder) + " is in no git repository",
                                   "correct `source: git` in the recipe, or deploy it as `source: directory`"));
    }
    if (found.words.find("cannot change to") != std::string::npos) {
      return std::unexpected(Error(ErrorCode::recipe, name + " can't be entered: " + found.words, "correct `source: git` in the recipe"));
    }
    return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be read: {}", name, found.words), advice_on_owner(found.words)));
  }
  TRY_ASSIGN(const auto top, Git::in_folder(folder, stop).ask({"rev-parse", "--show-toplevel"}));
  GitRepository own{Git::of_commits(found.line(), stop), found.line(), name};
  own.folder = top.line();
  return own;
}

Result<GitRepository> mirror_of(const std::string& url, const Wanted& wanted, const std::string& cache_folder, const std::stop_token& stop) {
  const std::string name = "repository " + shown(url);
  const std::string all = cache_folder + "/git";
  TRY(make_cache_folder(all));
  const std::string git_dir = fmt::format("{}/{}.git", all, to_hex(sha256_bytes(url)).substr(0, 32));
  GitRepository mirror{Git::of(git_dir, stop), git_dir, name};
  mirror.url = url;
  TRY_ASSIGN(mirror.lock, locked(git_dir + ".lock", stop));
  // Of a mirror that is there it changes nothing; a run that died while it made one has left half of it.
  TRY(make_mirror(all, git_dir, {}, stop));
  if (!wanted.sha.empty()) {
    TRY_ASSIGN(const bool there, has_commit(mirror.git, wanted.sha));
    if (there) return mirror;
  }
  std::string protocols(fetchable);
  if (!wanted.by_recipe) {
    TRY_ASSIGN(protocols, protocols_of_submodules(mirror.git));
  }
  mirror.git = mirror.git.with(fetch_patience, protocols);
  const std::vector<std::string> all_refs = {"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};
  auto fetched = fetch(mirror.git, url, all_refs);
  if (!fetched && names_objects_otherwise(fetched.error())) {
    TRY_ASSIGN(const auto ours, mirror.git.ask({"rev-parse", "--show-object-format"}));
    std::error_code ignored;
    std::filesystem::remove_all(git_dir, ignored);  // of what is left, the next call tells
    TRY(make_mirror(all, git_dir, {fmt::format("--object-format={}", ours.line() == "sha256" ? "sha1" : "sha256")}, stop));
    fetched = fetch(mirror.git, url, all_refs);
  }
  TRY(fetched);
  if (!wanted.sha.empty()) {
    TRY_ASSIGN(const bool there, has_commit(mirror.git, wanted.sha));
    // One that no branch and no tag leads to: many servers give it all the same. Where not, whoever wants it will say so.
    auto brought = there ? Result<void>() : fetch(mirror.git, url, {wanted.sha});
    if (!brought && brought.error().code == ErrorCode::cancelled) return std::unexpected(std::move(brought).error());
  }
  return mirror;
}

Result<bool> follow_head(const GitRepository& mirror) {
  TRY_ASSIGN(const auto head, mirror.git.ask({"ls-remote", "--symref", "--", mirror.url, "HEAD"}));
  constexpr std::string_view start = "ref: ", branches = "refs/heads/";
  if (!head.ok()) return std::unexpected(Error(ErrorCode::local, fmt::format("{} can't be asked: {}", mirror.name, head.words)));
  if (!head.text.starts_with(start)) return false;
  const std::string branch = head.text.substr(start.size(), head.text.find_first_of("\t\n") - start.size());
  if (!branch.starts_with(branches)) return false;
  TRY_ASSIGN(const auto set, mirror.git.ask({"symbolic-ref", "HEAD", branch}));
  return set.ok();
}

}  // namespace kirikae::transfer
