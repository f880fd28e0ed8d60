#include <unistd.h>

#include "deploy/visit.h"
#include "session.h"
#include "ui/terminal.h"

namespace kirikae::cmd {

// Without a word about it, followed is where somebody can say when it is enough: a CI job would hang.
Ended run_logs(const Call& call) {
  const Options& options = call.options;
  const bool follow = options.follow || (!options.no_follow && ui::is_terminal(STDOUT_FILENO));
  return visit_hosts(call, [&](const auto& request, const auto& with) -> event::Report {
    return deploy::show_logs(request, {follow, options.lines.value_or(10)}, with);
  });
}

}  // namespace kirikae::cmd
