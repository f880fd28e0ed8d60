// Plan: everything that a run will do, decided before anything is done. `deploy plan` prints it, the runner runs it; both are the
// same value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "event/event.h"
#include "inventory/inventory.h"
#include "plan/payload.h"
#include "plan/step.h"
#include "recipe/recipe.h"
#include "release/release.h"

namespace kirikae::plan {

// A command of the operator's machine.
struct LocalTask {
  std::string task;
  std::string run;
  std::string folder;  // absolute
  std::map<std::string, std::string> environment;
  std::optional<std::chrono::seconds> timeout;
};

struct HostSteps {
  std::size_t host = 0;  // index in Plan::hosts
  std::vector<Step> steps;
};

// Steps between two barriers: every host of a round has done its steps before any host begins the next round.
struct Round {
  event::Phase phase;
  std::optional<LocalTask> local;  // a round is either one local task, or steps on hosts
  std::vector<HostSteps> hosts;
};

struct PlannedHost {
  inventory::Host host;
  release::Facts facts;
  bool already = false;  // rollback: it runs the target, nothing is done there
};

struct Plan {
  std::string action;  // deploy | rollback
  std::string application;
  std::string stage;
  std::string release;   // what will be live
  std::string revision;
  release::Layout layout{""};
  std::vector<PlannedHost> hosts;  // in recipe order
  std::vector<Round> rounds;
  // The way back, host by host, for what fails from the switch on: `current`, then the tasks that follow a switch, then the records.
  std::vector<Round> undo;
  std::vector<Round> failed;  // the `failed` hooks
  // The roles of each task that runs once in a rollback, which is refused where none of its hosts has one of them.
  std::vector<std::vector<std::string>> once_in_rollback;
};

struct HostFacts {
  inventory::Host host;
  release::Facts facts;
};

// What a deploy needs to know of the world, besides the recipe.
struct DeployInput {
  const recipe::Recipe& recipe;
  std::vector<HostFacts> hosts;
  std::int64_t now = 0;        // unix seconds, the operator's clock
  std::string revision;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;     // unpacked
  std::string operator_name;   // user@machine
  std::vector<TemplateFile> templates{};
  std::vector<inventory::Host> stage_hosts{};  // all of the stage, for templates
  SourceFiles source{};
  std::string command{"deploy"};  // how a person calls the tool for the same recipe, for advice
};
// All reasons why the hosts can't take the release (preflight), each with its host; empty: none. What its tasks need is task_problems()'s.
std::vector<Error> preflight_deploy(const DeployInput& input);
// Errors: a `once` task for which the selection leaves no host.
Result<Plan> build_deploy(const DeployInput& input);

struct RollbackInput {
  const recipe::Recipe& recipe;
  std::vector<HostFacts> hosts;
  std::int64_t now = 0;
  std::optional<std::string> to;  // none: the good release before the live one
  std::string operator_name;
  std::string command{"deploy"};  // as in DeployInput
};
std::vector<Error> preflight_rollback(const RollbackInput& input);
// Errors (preflight): no candidate, or one that a host lacks.
Result<Plan> build_rollback(const RollbackInput& input);

// The rounds of Plan::undo, for a plan that has its hosts and release.
Result<std::vector<Round>> build_undo(const recipe::Recipe& recipe, const Plan& plan, std::int64_t now, const std::string& operator_name);

// What the recipe asks for, or the best packing that all hosts can unpack: zstd | gzip | none.
std::string encoding_for(const recipe::Recipe& recipe, const std::vector<HostFacts>& hosts);

// The plan as `deploy plan` prints it: hosts with the same changes are one paragraph.
struct SourceText {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
std::string to_text(const Plan& plan, const std::optional<SourceText>& source);

// `deploy releases`: one line for each release, newest first, with the hosts that have it; below, hosts on which none of them is live.
std::string releases_text(const std::vector<HostFacts>& hosts, std::size_t all_hosts);

// Both as data: JSON documents.
std::string to_json(const Plan& plan);
std::string releases_json(const std::vector<HostFacts>& hosts);

}  // namespace kirikae::plan
