#include <string>

#include "core/shell_quote.h"
#include "deploy/visit.h"
#include "session.h"

namespace kirikae::cmd {
namespace {

// One word is shell text. Several are a program and its arguments, and arrive there as they were here: ssh would join them with
// blanks, and a shell take them apart anew.
std::string shell_text(const std::vector<std::string>& words) {
  if (words.size() == 1) return words.front();
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + shell_quote(word);
  return text;
}

}  // namespace

Ended run_run(const Call& call) {
  const deploy::TypedCommand command{shell_text(call.options.command), call.options.timeout};
  if (command.text.find_first_not_of(" \t\n") == std::string::npos) {
    return std::unexpected(
        Errors{Error(ErrorCode::usage, "no command to run", "it stands behind '--': deploy run STAGE -- uptime")});
  }
  return visit_hosts(
      call, [&](const auto& request, const auto& with) { return deploy::run_command(request, command, with); });
}

}  // namespace kirikae::cmd
