#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_status(const Call& call) {
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::status(request, call.options.exit_code, with); });
}

Ended run_audit(const Call& call) {
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::audit(request, call.options.lines.value_or(30), with); });
}

Ended run_diff(const Call& call) {
  return read_hosts(call, [&](const auto& request, const auto& with) { return deploy::diff(request, call.options.exit_code, with); });
}

}  // namespace kirikae::cmd
