// Preflight: what keeps hosts from taking a release, or from going back to one, and what is worth knowing before. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "plan/plan.h"

namespace kirikae::plan {

// preflight_deploy() and preflight_rollback() are in plan.h.

// Nothing that keeps a run from going on.
struct Remark {
  std::string host;
  std::string text;
};
// What every deploy says before it begins: clocks, what dead runs have left, a `current` that isn't ours.
std::vector<Remark> remarks_before_deploy(const DeployInput& input);
// Bytes of a command's text that a host takes, with what looks at the lock before it: it is one string of an environment there, for which
// Linux has 128 KiB.
inline constexpr std::size_t longest_command = std::size_t{127} << 10U;
// Tasks of the plan, those of the way back too, that their hosts can't run: as another user where there is no sudo, or longer, with their
// environment, than a host takes. `secrets`: null where they aren't known, and don't count.
std::vector<Error> task_problems(const Plan& plan, const SecretSet* secrets);
// What is said of such a text: `what` (a task, the command) is too long.
std::string too_long_text(const std::string& what, std::size_t bytes);

// Who would have to be waited for, and who has frozen hosts: for plans of what would be refused. `verb`: deploy, rollback, prune;
// `unlock`: the command that ends a freeze.
std::vector<Remark> lock_remarks(const std::vector<HostFacts>& hosts, const std::string& verb, const std::string& unlock);
// What `deploy check` says besides: locks and freezes, tools without which it works less well.
std::vector<Remark> remarks_of_check(const DeployInput& input, const std::string& unlock);

// Equal texts of several hosts, in the order in which they first came: text, hosts.
std::vector<std::pair<std::string, std::vector<std::string>>> folded(const std::vector<Remark>& remarks);

// What `deploy check` has found, as data: a JSON document. `hosts`: all that were asked; problems without a host are this machine's.
std::string check_json(const recipe::Recipe& recipe, const std::vector<std::string>& hosts, const std::vector<HostFacts>& answered,
                       const std::vector<Error>& problems, const std::vector<Remark>& remarks);

// What commands will see on a host: the environment that the host gives and the recipe adds to, and the names of vars.
struct CommandScene {
  std::map<std::string, std::string> environment;
  std::set<std::string> waiting;  // what the recipe adds to it once a prompt is answered
  std::set<std::string> vars;
};
CommandScene command_scene(const recipe::Recipe& recipe, const HostFacts& host);
std::string commands_text(const recipe::Recipe& recipe, const std::vector<HostFacts>& hosts);

// How far a host's clock is ahead of ours, in seconds, compared with the middle of the round trip; what the round trip's length leaves
// open counts in the host's favour. 0 where that isn't known.
std::int64_t clock_ahead(const release::Facts& facts);

}  // namespace kirikae::plan
