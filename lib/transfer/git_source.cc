#include "transfer/git_source.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "transfer/entry.h"
#include "transfer/git_repository.h"
#include "transfer/git_resolve.h"

namespace kirikae::transfer {
namespace {

// For a remark: what git can't say, or not soon enough, is not said. Error: cancelled.
Result<Git::Answer> ask_for_remark(const Git& git, std::vector<std::string> words) {
  auto answer = git.ask(std::move(words));
  if (!answer && answer.error().code != ErrorCode::cancelled) return Git::Answer{.status = 1};
  return answer;
}

// Of the operator's own repository.
Result<std::vector<std::string>> remarks_on(const GitRepository& repository, const std::string& sha, const std::stop_token& stop) {
  std::vector<std::string> remarks;
  if (!repository.url.empty()) return remarks;
  if (!repository.folder.empty()) {
    TRY_ASSIGN(const auto status, ask_for_remark(Git::in_folder(repository.folder, stop), {"status", "--porcelain"}));
    if (const auto count = lines_of(status.text).size(); status.ok() && count != 0) {
      remarks.push_back(fmt::format("the work tree of {} has changes that are not committed ({}): they are not deployed", repository.name,
                                    count == 1 ? "one file" : fmt::format("{} files", count)));
    }
  }
  // What a CI job has checked out may be on a branch that it has not fetched, or not to its beginning.
  TRY_ASSIGN(const auto any, ask_for_remark(repository.git, {"for-each-ref", "--count=1", "refs/remotes/"}));
  if (any.line().empty()) return remarks;
  TRY_ASSIGN(const auto shallow, ask_for_remark(repository.git, {"rev-parse", "--is-shallow-repository"}));
  if (shallow.line() != "false") return remarks;
  TRY_ASSIGN(const auto pushed, ask_for_remark(repository.git, {"for-each-ref", "--count=1", "--contains", sha, "refs/remotes/"}));
  if (pushed.ok() && pushed.text.empty()) {
    remarks.push_back(fmt::format("commit {} is on no remote branch that {} knows of: it is not pushed", short_name(sha), repository.name));
  }
  return remarks;
}

Result<std::size_t> count_of(const Git& git, const std::string& without, const std::string& in) {
  TRY_ASSIGN(const auto answer, git.ask({"rev-list", "--count", without + ".." + in}));
  const std::string line = answer.line();
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), count);
  if (error != std::errc() || line.empty()) return std::unexpected(Error(ErrorCode::local, "git can't count commits: " + answer.words));
  return count;
}

}  // namespace

recipe::Source GitCommit::as_archive() const {
  recipe::Source source;
  source.archive = recipe::ArchiveSource{archive.tar->path(), {}};
  return source;
}

Result<GitCommit> take_commit(const recipe::GitSource& source, const std::string& cache_folder, const std::stop_token& stop) {
  Wanted wanted;
  if (is_object_name(source.revision)) wanted.sha = source.revision;
  TRY_ASSIGN(auto repository, recipe::is_remote(source.repository) ? mirror_of(source.repository, wanted, cache_folder, stop)
                                                                   : own_repository(source.repository, stop));
  GitCommit commit;
  commit.git_dir = repository.git_dir;
  TRY_ASSIGN(commit.sha, resolve(repository, source));
  TRY_ASSIGN(commit.archive, archive_of(repository, commit.sha, fmt::format("commit {} of {}", short_name(commit.sha), repository.name), cache_folder));
  TRY_ASSIGN(commit.remarks, remarks_on(repository, commit.sha, stop));
  return commit;
}

Result<std::optional<CommitRange>> commits_since(const std::string& live, const GitCommit& commit, const std::stop_token& stop) {
  const Git git = Git::of_commits(commit.git_dir, stop);
  if (!is_object_name(live)) return std::nullopt;
  TRY_ASSIGN(const bool known, has_commit(git, live));
  if (!known) return std::nullopt;
  CommitRange range;
  TRY_ASSIGN(range.ahead, count_of(git, live, commit.sha));
  TRY_ASSIGN(range.behind, count_of(git, commit.sha, live));
  if (range.ahead != 0 && range.behind != 0) {
    // Two branches, or the ends of one whose middle is not here.
    TRY_ASSIGN(const bool shallow, is_shallow(git));
    if (shallow) return std::nullopt;
  }
  TRY_ASSIGN(const auto log, git.ask({"-c", "log.showSignature=false", "log", "--no-color", "--no-decorate", "--encoding=UTF-8",
                                      fmt::format("--max-count={}", most_listed), "--format=%H %s", live + ".." + commit.sha}));
  if (!log.ok()) return std::unexpected(Error(ErrorCode::local, "git can't list commits: " + log.words));
  for (const std::string& line : lines_of(log.text)) {
    const auto blank = std::min(line.find(' '), line.size());
    range.commits.push_back({line.substr(0, blank), line.substr(std::min(blank + 1, line.size()))});
  }
  return range;
}

}  // namespace kirikae::transfer
