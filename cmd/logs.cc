#include <unistd.h>

#include <optional>
#include <stop_token>

#include "deploy/visit.h"
#include "display.h"
#include "session.h"
#include "ui/terminal.h"

namespace kirikae::cmd {

// Without a word about it, followed is where somebody can say when it is enough: a CI job would hang.
Ended run_logs(const Call& call) {
  const Options& options = call.options;
  const bool follow = options.follow || (!options.no_follow && ui::is_terminal(STDOUT_FILENO));
  std::stop_source enough;
  const auto stop = [&] { enough.request_stop(); };
  const std::stop_callback asked(call.stop, stop);
  std::optional<std::stop_callback<decltype(stop)>> left;
  if (follow) left.emplace(reader_left(), stop);
  return visit_hosts({options, enough.get_token()}, [&](const auto& request, const auto& with) -> event::Report {
    return deploy::show_logs(request, {follow, options.lines.value_or(10)}, with);
  });
}

}  // namespace kirikae::cmd
