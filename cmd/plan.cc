#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_plan(const Call& call) { return read_hosts(call, deploy::plan_deploy); }

}  // namespace kirikae::cmd
