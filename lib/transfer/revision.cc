#include "transfer/revision.h"

#include <string_view>
#include <utility>
#include <vector>

#include "core/subprocess.h"
#include "transfer/entry.h"

namespace kirikae::transfer {
namespace {

constexpr auto patience = std::chrono::seconds(30);  // for each of the two; a cold cache makes status slow

struct Answer {
  bool ok = false;
  std::string text;
};

// No answer, for whatever reason but a stop, is not ok.
Result<Answer> ask_git(const std::string& folder, std::vector<std::string> words, const std::stop_token& stop) {
  SubprocessCall call;
  // A deploy run from a git hook inherits variables that name another repository. The file system monitor is a program that a
  // repository's own configuration would have us start.
  call.argv = {
      "env", "-u",  "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "git", "-c", "core.fsmonitor=false",
      "-C",  folder};
  call.argv.insert(call.argv.end(), words.begin(), words.end());
  call.environment = {{"GIT_OPTIONAL_LOCKS", "0"}, {"LC_ALL", "C"}};
  call.deadline = Deadline::in(patience);
  call.stop = stop;
  Answer answer;
  call.on_output = [&](bool is_error, std::string_view bytes) {
    if (!is_error && answer.text.size() < 4096) answer.text += bytes;
  };
  auto end = run_subprocess(call);
  if (!end && end.error().code == ErrorCode::cancelled) return std::unexpected(std::move(end).error());
  answer.ok = end.has_value() && end->status == 0;
  return answer;
}

bool is_object_name(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::string> git_revision(const std::string& folder, const std::stop_token& stop) {
  TRY_ASSIGN(auto head, ask_git(folder, {"rev-parse", "--verify", "--quiet", "HEAD"}, stop));
  if (head.text.ends_with('\n')) head.text.pop_back();
  if (!head.ok || !is_object_name(head.text)) return std::string();
  TRY_ASSIGN(const auto status, ask_git(folder, {"status", "--porcelain"}, stop));
  const bool clean = status.ok && status.text.empty();  // a revision that says so must be it
  return clean ? head.text : head.text + "-dirty";
}

}  // namespace kirikae::transfer
