#include "transfer/revision.h"

#include "transfer/git_command.h"

namespace kirikae::transfer {
namespace {

// No answer, for whatever reason but a stop, is not ok.
Result<Git::Answer> ask_git(const std::string& folder, std::vector<std::string> words, const std::stop_token& stop) {
  auto answer = Git::in_folder(folder, stop).ask(std::move(words));
  if (answer || answer.error().code == ErrorCode::cancelled) return answer;
  return Git::Answer{.status = 1};
}

}  // namespace

Result<GitRevision> git_revision(const std::string& folder, const std::stop_token& stop) {
  TRY_ASSIGN(const auto head, ask_git(folder, {"rev-parse", "--verify", "--quiet", "HEAD"}, stop));
  if (!is_object_name(head.line())) {
    const bool none = head.words.find("not a git repository") != std::string::npos;
    return GitRevision{.untold = none ? std::string() : head.words};
  }
  TRY_ASSIGN(const auto status, ask_git(folder, {"status", "--porcelain"}, stop));
  const bool clean = status.ok() && status.text.empty();  // a revision that says so must be it
  return GitRevision{clean ? head.line() : head.line() + "-dirty"};
}

}  // namespace kirikae::transfer
