#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_lock(const Call& call) {
  if (call.options.message.empty()) {
    return std::unexpected(Errors{Error(ErrorCode::usage, "a freeze needs a reason, for those whom it keeps out",
                                        "for instance: deploy lock STAGE -m 'database is being moved'")});
  }
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::freeze(request, call.options.message, with); });
}

Ended run_unlock(const Call& call) {
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::unlock(request, call.options.force, with); });
}

}  // namespace kirikae::cmd
