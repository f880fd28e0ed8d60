#include <fmt/format.h>

#include <optional>
#include <string>

#include "deploy/deploy.h"
#include "release/release.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_rollback(const Call& call) {
  if (const std::string& wanted = call.options.to; !wanted.empty() && !release::is_release_id(wanted)) {
    return std::unexpected(Errors{Error(ErrorCode::usage, fmt::format("'--to': '{}' is no release", wanted),
                                        "releases are 14 digits, as 'deploy releases' lists them")});
  }
  const auto to = call.options.to.empty() ? std::nullopt : std::optional(call.options.to);
  if (call.options.dry_run) {
    return read_hosts(call,
                      [&](const auto& request, const auto& with) { return deploy::plan_rollback(request, to, with); });
  }
  return change_hosts(call, [&](const auto& request, const auto& with) { return deploy::rollback(request, to, with); });
}

}  // namespace kirikae::cmd
