// The use cases: what each verb does, start to end. They return a report and emit events; nothing is printed here.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/secret_set.h"
#include "event/event.h"
#include "inventory/inventory.h"
#include "plan/preflight.h"
#include "recipe/recipe.h"
#include "ssh/key_trust.h"
#include "ssh/transport.h"

namespace kirikae::deploy {

struct Request {
  recipe::Recipe recipe;
  std::vector<inventory::Host> hosts;        // the selected ones, in recipe order
  std::vector<inventory::Host> other_hosts;  // of the stage, not selected: named in the drift warning
  std::string revision{};                    // --revision; empty: found out from the source
  std::string operator_name{};               // user@machine, for records and logs
  std::string job_url{};                     // of the CI job; empty: none
  std::chrono::seconds lock_wait{0};         // how long to wait for the hosts' lock
  bool despite_freeze = false;               // of a rollback
  std::string command{"deploy"};             // how a person calls the tool for the same recipe again, for advice
  std::map<std::string, Secret> secret_answers{};  // to prompts; fetch_secrets takes them
  std::shared_ptr<const SecretSet> secrets{};  // the values of the recipe's secrets, where the verb needs them (fetch_secrets)
  std::string same_hosts{};                  // for advice, too: what chooses the same hosts, a blank before each option; empty: all
  std::string same_revision{};               // likewise the same commit
  std::vector<plan::Remark> remarks{};       // on how the hosts are reached, said when the run begins
};

struct Surroundings {
  ssh::Connector& connector;
  event::Sink& events;
  std::function<std::int64_t()> unix_now;
  std::string cache_folder;  // for the spool file; made if missing, 0700
  std::stop_token stop;
  std::chrono::milliseconds reach_again{30'000};  // how long a host that is lost is tried for, so that it can be taken back
  // Asks before something that is hard to take back: what it is, and the question. Errors: usage (nobody can be asked), cancelled.
  std::function<Result<void>(const std::string& what, const std::string& question)> confirm{};
  ssh::KeyTrust* keys = nullptr;  // trust() needs it
  std::string program{};          // this one's path; empty: it isn't known
};

event::Report deploy(const Request& request, const Surroundings& with);
// `to`: a release id; none: the good release before the live one.
event::Report rollback(const Request& request, const std::optional<std::string>& to, const Surroundings& with);

// The verbs that only read. `text` is what goes to standard output, complete; the report has the hosts that couldn't be read.
// `json`: the same as data for programs, a JSON document that docs/events.md describes; empty where there is none.
struct Reading {
  event::Report report;
  std::string text;
  std::string json{};
};
Reading plan_deploy(const Request& request, const Surroundings& with);
Reading plan_rollback(const Request& request, const std::optional<std::string>& to, const Surroundings& with);
Reading releases(const Request& request, const Surroundings& with);

// What would keep a deploy from beginning, on every host, and what is worth knowing before one. Changes nothing.
Reading check(const Request& request, const Surroundings& with);
// `exit_code`: the report says failed where not all is as it should be.
Reading status(const Request& request, bool exit_code, const Surroundings& with);
// The last `lines` entries of the hosts' logs, merged.
Reading audit(const Request& request, int lines, const Surroundings& with);
// The files that a deploy would add, remove and change in the live releases. `exit_code`: the report says failed where there are any.
Reading diff(const Request& request, bool exit_code, const Surroundings& with);
// Removes what a deploy would remove, under the lock. `keep`: instead of the recipe's keep_releases.
Reading prune(const Request& request, std::optional<int> keep, bool dry_run, const Surroundings& with);

// `deploy lock` and `deploy unlock`: the freeze, and by `force` the run lock of whoever has it.
Reading freeze(const Request& request, const std::string& why, const Surroundings& with);
Reading unlock(const Request& request, bool force, const Surroundings& with);

// `deploy trust`: looks at the hosts' keys, and those of the jump hosts on the way, without a login on the hosts; asks (confirm), and
// writes what is new to the known_hosts file. `replace`: also keys that have changed, in place of the old ones; an error otherwise.
Reading trust(const Request& request, bool replace, const Surroundings& with);

}  // namespace kirikae::deploy
