#include "transfer/git_resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/suggestion.h"
#include "transfer/entry.h"

namespace kirikae::transfer {
namespace {

using Kind = recipe::GitSource::Kind;

// Empty where there is none, or where it leads to no commit.
Result<std::string> commit_of(const Git& git, const std::string& name) {
  TRY_ASSIGN(const auto answer, git.ask({"rev-parse", "--verify", "--quiet", name + "^{commit}"}));
  return is_object_name(answer.line()) ? answer.line() : std::string();
}

// A branch of the operator's own repository may be there as its remote has it only: of a clone that a CI job works in, say.
Result<std::string> branch(const GitRepository& repository, const std::string& name) {
  TRY_ASSIGN(std::string sha, commit_of(repository.git, "refs/heads/" + name));
  if (!sha.empty() || !repository.url.empty()) return sha;
  return commit_of(repository.git, "refs/remotes/origin/" + name);
}

Result<std::vector<std::string>> refs_in(const Git& git, Kind kind) {
  std::vector<std::string> words = {"for-each-ref", "--count=10000", "--format=%(refname)"};
  if (kind != Kind::tag) words.emplace_back("refs/heads/");
  if (kind != Kind::branch) words.emplace_back("refs/tags/");
  TRY_ASSIGN(const auto answer, git.ask(std::move(words)));
  std::vector<std::string> names;
  for (const std::string& name : lines_of(answer.text)) names.push_back(name.substr(name.find('/', name.find('/') + 1) + 1));
  return names;
}

// The commit that HEAD is.
Result<std::string> head(const GitRepository& repository) {
  const bool own = repository.url.empty();
  bool known = own;
  if (!own) {
    TRY_ASSIGN(known, follow_head(repository));
  }
  std::string sha;
  if (known) {
    TRY_ASSIGN(sha, commit_of(repository.git, "HEAD"));
  }
  if (!sha.empty()) return sha;
  return std::unexpected(Error(ErrorCode::recipe, repository.name + (own ? " has no commit yet" : " has no default branch"),
                               "name what is deployed: `revision: main`"));
}

Result<std::string> unknown(const GitRepository& repository, const recipe::GitSource& source) {
  const std::string_view what = source.kind == Kind::branch ? "branch" : source.kind == Kind::tag ? "tag" : "branch, tag or commit";
  TRY_ASSIGN(const auto known, refs_in(repository.git, source.kind));
  TRY_ASSIGN(const bool shallow, is_shallow(repository.git));
  std::string hint;
  if (const auto near = nearest_name(source.revision, known)) {
    hint = fmt::format("did you mean {}?", shown(*near));
  } else if (shallow) {
    hint = "this clone is a shallow one: `git fetch --unshallow --tags` brings the rest (in GitHub Actions, `fetch-depth: 0`)";
  } else if (repository.url.empty()) {
    hint = "`git fetch --tags` brings what others have made";
  }
  return std::unexpected(Error(ErrorCode::recipe, fmt::format("there is no {} {} in {}", what, shown(source.revision), repository.name), hint));
}

}  // namespace

Result<std::string> resolve(const GitRepository& repository, const recipe::GitSource& source) {
  const Git& git = repository.git;
  const std::string& name = source.revision;
  if (name.empty()) return head(repository);
  std::string by_tag, by_branch;
  if (source.kind != Kind::branch) {
    TRY_ASSIGN(by_tag, commit_of(git, "refs/tags/" + name));
  }
  if (source.kind != Kind::tag) {
    TRY_ASSIGN(by_branch, branch(repository, name));
  }
  if (!by_tag.empty() && !by_branch.empty()) {
    return std::unexpected(Error(ErrorCode::recipe,
                                 fmt::format("{} is both a tag ({}) and a branch ({}) of {}", shown(name), short_name(by_tag),
                                             short_name(by_branch), repository.name),
                                 fmt::format("--tag {0} or --branch {0} says which; in a recipe, `revision: refs/tags/{0}` or `refs/heads/{0}`", name)));
  }
  if (!by_tag.empty()) return by_tag;
  if (!by_branch.empty()) return by_branch;
  if (source.kind == Kind::any && !name.starts_with('-')) {
    // `HEAD~1`, `@^`: what they count from.
    if (name.starts_with("HEAD") || name.starts_with('@')) TRY(head(repository));
    TRY_ASSIGN(std::string sha, commit_of(git, name));
    if (!sha.empty()) return sha;
  }
  return unknown(repository, source);
}

}  // namespace kirikae::transfer
