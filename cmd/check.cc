#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_check(const Call& call) { return read_hosts(call, deploy::check); }

}  // namespace kirikae::cmd
