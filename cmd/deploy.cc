#include "deploy/deploy.h"

#include "session.h"

namespace kirikae::cmd {

Ended run_deploy(const Call& call) { return change_hosts(call, deploy::deploy); }

}  // namespace kirikae::cmd
