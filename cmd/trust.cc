#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_trust(const Call& call) {
  return read_hosts(
      call, [&](const auto& request, const auto& with) { return deploy::trust(request, call.options.replace, with); });
}

}  // namespace kirikae::cmd
