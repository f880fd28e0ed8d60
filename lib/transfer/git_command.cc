#include "transfer/git_command.h"

#include <algorithm>
#include <utility>

#include "core/subprocess.h"

namespace kirikae::transfer {
namespace {

constexpr std::size_t last_bytes = 8192;  // of standard error
constexpr std::size_t last_lines = 3;

// Those that lead git elsewhere (`git rev-parse --local-env-vars`), as a deploy inherits them that is run from a git hook, and
// those that change what it answers or allows.
const std::vector<std::string> confusing = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE",
    "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_NAMESPACE", "GIT_ATTR_SOURCE", "GIT_DEFAULT_HASH",
    "GIT_TEMPLATE_DIR", "GIT_PROTOCOL_FROM_USER", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS"};

// What a repository's own configuration would have us start, and what would make an archive depend on who makes it. Without git-lfs'
// filter its pointers are seen as what they are.
const std::vector<std::string> settings = {
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "tar.umask=0022",
    "-c", "filter.lfs.smudge=",   "-c", "filter.lfs.process=",      "-c", "filter.lfs.required=false",
    "-c", "gc.autoDetach=false",  "-c", "maintenance.autoDetach=false"};

// `ssh://name:password@host` as `ssh://name@host`, and of other URLs the host alone, where a name may be a token: what git was told elsewhere
// (insteadOf) may stand in its errors.
std::string without_passwords(std::string text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 1)) {
    const auto end = std::min(text.find_first_of("/ '\"\n", at + 3), text.size());
    const auto host = text.rfind('@', end);
    if (host == std::string::npos || host < at) continue;
    if (!std::string_view(text).substr(0, at).ends_with("ssh")) {
      text.erase(at + 3, host + 1 - (at + 3));
    } else if (const auto colon = text.find(':', at + 3); colon < host) {
      text.erase(colon, host - colon);
    }
  }
  return text;
}

std::string last_words(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : without_passwords(text)) {
    if (c == '\n' || c == '\r') {
      if (!lines.back().empty()) lines.emplace_back();
    } else if (static_cast<unsigned char>(c) >= 32 && c != 127) {
      lines.back() += c;
    }
  }
  std::erase_if(lines, [](const std::string& line) { return line.empty() || line.starts_with("hint:") || line.starts_with("warning:"); });
  // Behind its last `fatal:` git has general advice only.
  const auto fatal = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) { return line.starts_with("fatal:"); });
  if (fatal != lines.rend()) lines.erase(fatal.base(), lines.end());
  std::string words;
  for (std::size_t i = lines.size() - std::min(lines.size(), last_lines); i < lines.size(); ++i) {
    std::string_view line = lines[i];
    for (const std::string_view start : {"fatal: ", "error: "}) {
      if (line.starts_with(start)) line.remove_prefix(start.size());
    }
    words += (words.empty() ? "" : "; ") + std::string(line);
  }
  return words;
}

}  // namespace

std::string Git::Answer::line() const {
  if (!ok()) return {};
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

Git Git::with(std::chrono::seconds patience, std::string protocols) const {
  Git other = *this;
  other.patience_ = patience;
  other.protocols_ = std::move(protocols);
  return other;
}

Result<Git::Answer> Git::stream(std::vector<std::string> words, const std::function<Result<void>(std::string_view)>& take) const {
  std::stop_source own;  // an error of `take` ends git, too
  const std::stop_callback passed_on(stop_, [&] { own.request_stop(); });
  SubprocessCall call;
  call.argv = {"git"};
  call.argv.insert(call.argv.end(), settings.begin(), settings.end());
  call.argv.insert(call.argv.end(), place_.begin(), place_.end());
  call.argv.insert(call.argv.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
  call.left_out = confusing;
  call.environment = {{"GIT_OPTIONAL_LOCKS", "0"}, {"GIT_TERMINAL_PROMPT", "0"}, {"GIT_ALLOW_PROTOCOL", protocols_}, {"GIT_NO_REPLACE_OBJECTS", "1"}, {"LC_ALL", "C"}};
  call.deadline = Deadline::in(patience_);
  call.stop = own.get_token();
  Answer answer;
  std::string said;
  Result<void> taken;
  call.on_output = [&](bool is_error, std::string_view bytes) {
    if (is_error) {
      said += bytes;
      if (said.size() > last_bytes) said.erase(0, said.size() - last_bytes);
    } else if (taken && !(taken = take(bytes))) {
      own.request_stop();
    }
  };
  auto end = run_subprocess(call);
  if (!taken) return std::unexpected(std::move(taken).error());
  if (!end) {
    Error error = std::move(end).error();
    if (error.message == "program 'git' was not found") {
      error = {ErrorCode::local, "there is no 'git' on this machine, which the source needs", "install git, or deploy a directory or an archive"};
    }
    return std::unexpected(std::move(error));
  }
  answer.status = end->status;
  answer.words = last_words(said);
  return answer;
}

Result<Git::Answer> Git::ask(std::vector<std::string> words) const {
  std::string text;
  TRY_ASSIGN(Answer answer, stream(std::move(words), [&](std::string_view bytes) -> Result<void> {
               text += bytes.substr(0, most_text - std::min(most_text, text.size()));
               return {};
             }));
  answer.text = std::move(text);
  return answer;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const auto to = std::min(text.find('\n', from), text.size());
    lines.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return lines;
}

bool is_object_name(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string short_name(const std::string& sha) { return sha.substr(0, 12); }

}  // namespace kirikae::transfer
