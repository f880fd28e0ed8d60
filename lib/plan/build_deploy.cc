#include <fmt/format.h>

#include <algorithm>

#include "plan/log_line.h"
#include "plan/plan.h"
#include "plan/rounds.h"
#include "plan/tasks.h"

namespace kirikae::plan {
namespace {

using event::Phase;
using recipe::HookPoint;

host::ReleaseInfo info_of(const Plan& plan, const PlannedHost& host, const std::string& by) {
  return {plan.release, plan.revision, by, host.facts.live};
}

// What the host says, with the record that the deploy gives to what a rollback that has died there had left.
release::Facts judged_facts(release::Facts facts) {
  const std::string condemned = release::condemned_release(facts);
  for (auto& release : facts.releases) {
    if (release.id == condemned) release.state = release::State::bad;
  }
  return facts;
}

// Where a rollback would go back to on this host by itself, once the new release is live: the one that is live now; where it isn't good, the
// newest good one before it.
std::string rollback_target_after(const release::Facts& facts) {
  for (auto at = facts.releases.rbegin(); at != facts.releases.rend(); ++at) {
    if (at->state == release::State::good && (facts.live.empty() || at->id <= facts.live)) return at->id;
  }
  return {};
}

// The one that all hosts have in common, once the new release is live on all of them. Where a run has died while it wrote the records, it
// is older than what some of them would keep by themselves.
std::string common_target_after(const Plan& plan) {
  std::vector<release::Facts> after;
  for (const auto& host : plan.hosts) {
    after.push_back(judged_facts(host.facts));
    after.back().live = plan.release;
    after.back().unsettled.clear();
  }
  return release::previous_release(after).value_or("");
}

Step settle_deploy(const DeployInput& input, const Plan& plan, const PlannedHost& host) {
  return Settle{{{plan.release, release::State::good}},
                {input.now, plan.action, plan.application, plan.stage, plan.release, host.facts.live, plan.revision,
                 input.operator_name, "good"}};
}

// A shared file must be there before it is linked; all else comes after the links, so that a shared directory can get its first
// content.
std::vector<Step> template_steps(const DeployInput& input, const TaskScene& scene, const PlannedHost& host,
                                 const std::shared_ptr<const MustacheValue>& stage, bool before_link) {
  const auto& files = input.recipe.shared.files;
  std::vector<Step> steps;
  for (const TemplateFile& file : input.templates) {
    const bool is_shared_file = file.spec.shared && std::find(files.begin(), files.end(), file.spec.to) != files.end();
    if (is_shared_file != before_link) continue;
    steps.push_back(PlaceTemplate{scene.release, file, environment_of(scene, &host), host.host.roles, stage});
  }
  return steps;
}

// The rounds from the first byte to the sealed release: nothing that serves is touched.
Result<void> add_preparing(const DeployInput& input, Plan& plan) {
  const recipe::Recipe& recipe = input.recipe;
  TaskScene scene{recipe, plan.layout, plan.action, plan.release, plan.hosts, TaskScene::Place::live_or_home};
  const auto hooks = [&](HookPoint point, Phase phase) { return add_hooks(plan.rounds, scene, point, phase); };
  TRY(hooks(HookPoint::after_connect, Phase::connect));
  TRY(hooks(HookPoint::before_upload, Phase::upload));
  PayloadChoice payloads(input.source);
  Unpack whole{plan.release, encoding_for(recipe, input.hosts), input.bytes, input.files, recipe.limit_rate, plan.hosts.size()};
  whole.adaptive = recipe.compression == "auto";
  plan.rounds.push_back(on_changing_hosts(Phase::upload, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{Prepare{info_of(plan, host, input.operator_name), input.recipe.application},
                             payloads.unpack_for(host.facts, whole)};
  }));
  scene.place = TaskScene::Place::release;
  TRY(hooks(HookPoint::after_upload, Phase::upload));
  TRY(hooks(HookPoint::before_link, Phase::link));
  const auto stage = stage_names(recipe, input.stage_hosts);
  plan.rounds.push_back(on_changing_hosts(Phase::link, plan, [&](const PlannedHost& host) {
    std::vector<Step> steps = template_steps(input, scene, host, stage, true);
    steps.push_back(Link{info_of(plan, host, input.operator_name), recipe.shared.directories, recipe.shared.files, recipe.copied});
    for (Step& step : template_steps(input, scene, host, stage, false)) steps.push_back(std::move(step));
    return steps;
  }));
  TRY(hooks(HookPoint::after_link, Phase::link));
  TRY(hooks(HookPoint::before_build, Phase::build));
  TRY(hooks(HookPoint::build, Phase::build));
  TRY(hooks(HookPoint::after_build, Phase::build));
  TRY(hooks(HookPoint::before_publish, Phase::build));
  plan.rounds.push_back(on_changing_hosts(Phase::build, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{Seal{info_of(plan, host, input.operator_name)}};
  }));
  return {};
}

// The rounds from the switch on.
Result<void> add_publishing(const DeployInput& input, Plan& plan) {
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  plan.rounds.push_back(on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{Publish{plan.release, host.facts.live, {}, release::condemned_release(host.facts)}};
  }));
  TRY(add_hooks(plan.rounds, scene, HookPoint::after_publish, Phase::publish));
  plan.rounds.push_back(on_changing_hosts(Phase::publish, plan, [&](const PlannedHost& host) {
    return std::vector<Step>{settle_deploy(input, plan, host)};
  }));
  TRY(add_hooks(plan.rounds, scene, HookPoint::before_prune, Phase::prune));
  Round prune{Phase::prune, std::nullopt, {}};
  const std::string common = common_target_after(plan);
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    const release::Facts facts = judged_facts(plan.hosts[i].facts);
    auto ids = release::to_prune(facts, plan.release, rollback_target_after(facts), input.recipe.keep_releases);
    std::erase(ids, common);
    if (!ids.empty() || facts.half_pruned) prune.hosts.push_back({i, {Prune{std::move(ids), facts.half_pruned}}});
  }
  if (!prune.hosts.empty()) plan.rounds.push_back(std::move(prune));
  return add_hooks(plan.rounds, scene, HookPoint::after_prune, Phase::prune);
}

}  // namespace

std::string encoding_for(const recipe::Recipe& recipe, const std::vector<HostFacts>& hosts) {
  if (recipe.compression != "auto") return recipe.compression;
  if (std::all_of(hosts.begin(), hosts.end(), [](const HostFacts& h) { return h.facts.zstd; })) return "zstd";
  if (std::all_of(hosts.begin(), hosts.end(), [](const HostFacts& h) { return h.facts.gzip; })) return "gzip";
  return "none";
}

Result<Plan> build_deploy(const DeployInput& input) {
  Plan plan = blank_plan(input.recipe, "deploy", input.hosts);
  plan.revision = input.revision;
  plan.release = release::next_release_id(input.now, release::newest_release(facts_of(input.hosts)));
  TRY(add_preparing(input, plan));
  TRY(add_publishing(input, plan));
  const TaskScene scene{input.recipe, plan.layout, plan.action, plan.release, plan.hosts};
  TRY_ASSIGN(plan.undo, build_undo(input.recipe, plan, input.now, input.operator_name));
  TRY_ASSIGN(plan.failed, hook_rounds(scene, HookPoint::failed, Phase::undo));
  plan.once_in_rollback = once_in_rollback(input.recipe);
  return plan;
}

}  // namespace kirikae::plan
