#include "deploy/deploy.h"
#include "session.h"

namespace kirikae::cmd {

Ended run_releases(const Call& call) { return read_hosts(call, deploy::releases); }

}  // namespace kirikae::cmd
