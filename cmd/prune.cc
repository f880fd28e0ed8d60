#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_prune(const Call& call) {
  const Options& options = call.options;
  const auto prune = [&](const auto& request, const auto& with) { return deploy::prune(request, options.keep, options.dry_run, with); };
  return options.dry_run ? read_hosts(call, prune) : confirm_and_read(call, prune);
}

}  // namespace kirikae::cmd
