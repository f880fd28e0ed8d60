// What every verb is: a function from the command line to a report. None of them prints an error or knows an exit code.
#pragma once

#include <expected>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "event/outcome.h"
#include "options.h"

namespace kirikae::cmd {

struct Call {
  const Options& options;
  std::stop_token stop;
};

// Errors: what kept the verb from beginning; never empty. A report of a verb that runs nothing on hosts has no hosts.
using Errors = std::vector<Error>;
using Ended = std::expected<event::Report, Errors>;

// Text that is the verb's whole purpose, to standard output. Error (local): it didn't get there.
std::optional<Error> show_text(const std::string& text);
// The same for what is no text to be read there: not a byte is changed.
std::optional<Error> show_raw(const std::string& text);

Ended run_stages(const Call& call);
Ended run_deploy(const Call& call);
Ended run_rollback(const Call& call);
Ended run_plan(const Call& call);
Ended run_releases(const Call& call);
Ended run_check(const Call& call);
Ended run_status(const Call& call);
Ended run_audit(const Call& call);
Ended run_diff(const Call& call);
Ended run_prune(const Call& call);
Ended run_lock(const Call& call);
Ended run_unlock(const Call& call);
Ended run_trust(const Call& call);
Ended run_run(const Call& call);
Ended run_task(const Call& call);
Ended run_ssh(const Call& call);
Ended run_logs(const Call& call);
Ended run_completion(const Call& call);
Ended run_complete(const Call& call);
Ended run_init(const Call& call);
Ended run_report(const Call& call);
Ended run_config(const Call& call);
Ended run_help(const Call& call);
Ended run_version(const Call& call);

}  // namespace kirikae::cmd
