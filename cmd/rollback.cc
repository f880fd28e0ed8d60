#include <optional>
#include <string>

#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_rollback(const Call& call) {
  const auto to = call.options.to.empty() ? std::nullopt : std::optional(call.options.to);
  if (call.options.dry_run) {
    return read_hosts(call,
                      [&](const auto& request, const auto& with) { return deploy::plan_rollback(request, to, with); });
  }
  return change_hosts(call, [&](const auto& request, const auto& with) { return deploy::rollback(request, to, with); });
}

}  // namespace kirikae::cmd
