#include <sstream>
#include <string>

#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {
namespace {

// Hosts keep one line.
std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace

Ended run_lock(const Call& call) {
  const std::string why = in_one_line(call.options.message);
  if (why.empty()) {
    return std::unexpected(Errors{Error(ErrorCode::usage, "a freeze needs a reason, for those whom it keeps out",
                                        "for instance: deploy lock STAGE -m 'database is being moved'")});
  }
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::freeze(request, why, with); });
}

Ended run_unlock(const Call& call) {
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::unlock(request, call.options.force, with); });
}

}  // namespace kirikae::cmd
