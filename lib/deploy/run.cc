#include "deploy/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "core/digest.h"
#include "core/fold.h"
#include "core/redactor.h"
#include "plan/log_line.h"
#include "plan/prune.h"
#include "plan/tasks.h"
#include "runner/conclude.h"

namespace kirikae::deploy {

std::vector<std::string> names_of(const std::vector<inventory::Host>& hosts) {
  std::vector<std::string> names;
  for (const auto& host : hosts) names.push_back(host.name);
  return names;
}

namespace {

// What becomes of hosts that are not selected, for whoever may think that they were; empty: nobody would, since the verb changes nothing.
std::string_view left_text(std::string_view verb) {
  if (verb == "deploy" || verb == "rollback" || verb == "plan") return "with the release that they run";
  return verb == "prune" || verb == "task" || verb == "lock" || verb == "unlock" ? "alone" : "";
}

// Masked wherever they are shown, which nobody would understand.
std::vector<plan::Remark> remarks_on_secrets(const Request& request) {
  std::vector<plan::Remark> remarks;
  if (!request.secrets) return remarks;
  const auto look = [&](const std::string& secret, const Secret& value) {
    Redactor one;
    one.add(value.reveal());
    const auto say_where = [&](const char* what, const std::string& text) {
      if (one.redact(text) == text) return false;
      remarks.push_back(
          {"", fmt::format(
                   "the value of the secret '{}' is in {}, where '{}' stands for it from now on: give it another value",
                   secret, what, Redactor::mask)});
      return true;
    };
    say_where("the application's name", request.recipe.application);
    say_where("the stage's name", request.recipe.stage);
    say_where("deploy_to", request.recipe.deploy_to);
    std::ranges::any_of(request.hosts, [&](const auto& host) { return say_where("a host's name", host.name); });
  };
  for (const auto& [name, value] : request.secrets->values()) look(name, value);
  for (const auto& [name, value] : request.secrets->kept()) look(name, value);
  return remarks;
}

}  // namespace

Run::Run(const Request& request, const Surroundings& with, std::string verb)
    : request_(request), with_(with), token_(random_hex(8)), verb_(std::move(verb)), emit_(with.events, request.secrets.get()) {
  std::vector<event::HostInfo> hosts;
  for (const auto& host : request.hosts) hosts.push_back({host.name, host.roles});
  emit_(event::RunStarted{verb_, request.recipe.application, request.recipe.stage, std::move(hosts)});
  if (const auto left = left_text(verb_); !left.empty() && !request.other_hosts.empty()) {
    emit_(event::Warning{"", fmt::format("not selected, and left {}: {}", left, fold_names(names_of(request.other_hosts)))});
  }
  tell(request.remarks);
  tell(remarks_on_secrets(request));
}

void Run::tell(const std::vector<plan::Remark>& remarks) const {
  for (const auto& [text, hosts] : plan::folded(remarks)) {
    emit_(hosts.size() == 1 ? event::Warning{hosts.front(), text} : event::Warning{"", fold_names(hosts) + ": " + text});
  }
}

LockWish Run::lock() const { return {token_, verb_ + ' ' + request_.recipe.stage, request_.despite_freeze, verb_ == "rollback"}; }

Result<std::vector<plan::Round>> Run::before_connect_rounds() const {
  const release::Layout layout(request_.recipe.deploy_to);
  const plan::TaskScene scene{request_.recipe, layout, verb_, {}, {}};
  return plan::hook_rounds(scene, recipe::HookPoint::before_connect, event::Phase::connect);
}

Result<void> Run::before_connect() {
  TRY_ASSIGN(const auto rounds, before_connect_rounds());
  for (const auto& round : rounds) {
    TRY(runner::exec_local(*round.local, round.phase, {{}, request_.revision}, emit_, with_.stop));
  }
  return {};
}

event::Report Run::carry_out(const plan::Plan& plan, const OpenedHosts& opened, runner::TaskGroup& group,
                             runner::Payloads* payloads) {
  if (!plan.release.empty()) emit_(event::ReleaseChosen{plan.release, plan.revision});
  runner::Runner runner(plan, group, payloads, emit_, with_.stop);
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) runner.state().hosts[i].seconds = opened.seconds[i];
  runner.run();
  const runner::RunState& state = runner.state();
  if (state.failed() || state.interrupted) {
    const bool settled = state.all_settled(plan);
    if (state.switch_begun() && !settled) {
      runner.undo([&](std::size_t host) { return reconnect(host); });
    }
    if (plan.action == "deploy" || plan.action == "rollback") {
      runner.note_failed(plan::json_line({with_.unix_now(), plan.action, plan.application, plan.stage, plan.release, {},
                                          plan.revision, request_.operator_name, state.interrupted ? "interrupted" : "failed"}));
    }
    if (plan.action == "prune") {
      runner.note_failed_prune([&](const plan::PlannedHost& host) { return plan::failed_prune_line(plan, host); });
    }
    if (!settled) runner.run_failed_hooks();
  } else if (plan.action == "rollback") {
    runner.note_already(plan::json_line({with_.unix_now(), plan.action, plan.application, plan.stage, plan.release, plan.release,
                                         plan.revision, request_.operator_name, "already there"}));
  }
  return finish(runner::conclude(plan, state, emit_.seconds(), {request_.command, request_.same_hosts, request_.same_revision}));
}

// For the way back: the host has some time to answer again. What refuses connections now, or breaks them, may do so because it is busy
// or starts again; and a run that waits for the lock of several hosts holds one's for a moment.
Result<std::unique_ptr<ssh::Transport>> Run::reconnect(std::size_t index) const {
  constexpr std::chrono::milliseconds first_pause{250}, longest_pause{4000};
  const Deadline patience = Deadline::in(with_.reach_again), until = Deadline::in(with_.reach_again + std::chrono::seconds(30));
  for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
    auto transport = connect_anew(index, until);
    if (transport) return transport;
    const ErrorCode code = transport.error().code;
    const bool is_locked = code == ErrorCode::locked;
    const bool may_pass = is_locked || code == ErrorCode::connect || code == ErrorCode::lost || code == ErrorCode::timeout;
    if (!may_pass || patience.passed()) return transport;
    if (pause == first_pause) {
      emit_(event::Warning{request_.hosts[index].name, fmt::format("it can't be {} to be taken back, and is tried again for {:.0f} s: {}",
                                                                   is_locked ? "locked" : "reached",
                                                                   std::chrono::duration<double>(with_.reach_again).count(),
                                                                   transport.error().message)});
    }
    std::this_thread::sleep_for(std::min<Deadline::Clock::duration>(pause, patience.left()));
  }
}

// The lock is taken anew, which ends what the old connection may have left at work there.
Result<std::unique_ptr<ssh::Transport>> Run::connect_anew(std::size_t index, Deadline until) const {
  const inventory::Host& host = request_.hosts[index];
  const auto tell = [&](std::string_view state) { emit_(event::HostState{host.name, std::string(state)}); };
  TRY_ASSIGN(auto transport,
             with_.connector.connect({host.name, host.address, host.port, host.user}, tell, {until, {}}));
  LockWish wish = lock();
  wish.despite_freeze = true;
  TRY_ASSIGN(const LockTry tried, try_lock(request_, wish, index, with_.unix_now(), *transport, {}));
  if (tried.refusal) return std::unexpected(refusal_error(*tried.refusal, request_, wish, host.name));
  TRY_ASSIGN(const auto facts, release::parse_facts(tried.facts));
  if (!facts.locked) return std::unexpected(Error(ErrorCode::remote, no_lock_text(request_)).on(host.name));
  return transport;
}

// Tasks on hosts need a release; those of this machine (an announcement) don't.
void Run::local_failed_hooks() {
  if (verb_ != "deploy" && verb_ != "rollback") return;
  const release::Layout layout(request_.recipe.deploy_to);
  recipe::Recipe local = request_.recipe;
  auto& names = local.hooks[recipe::HookPoint::failed];
  std::erase_if(names, [&](const std::string& name) { return !local.tasks.at(name).local; });
  const plan::TaskScene scene{local, layout, verb_, {}, {}};
  const auto rounds = plan::hook_rounds(scene, recipe::HookPoint::failed, event::Phase::undo);
  if (!rounds) return;
  for (const auto& round : *rounds) {
    auto done = runner::exec_local(runner::limited(*round.local), round.phase, {{}, request_.revision}, emit_, {});
    if (!done) emit_(event::Warning{"", to_text(done.error())});
  }
}

event::Report Run::blank(const OpenedHosts& opened, event::HostEnd end) const {
  event::Report report;
  report.verb = verb_;
  report.application = request_.recipe.application;
  report.stage = request_.recipe.stage;
  for (std::size_t i = 0; i < request_.hosts.size(); ++i) {
    event::HostReport host;
    host.host = request_.hosts[i].name;
    host.end = end;
    if (i < opened.hosts.size()) host.live_before = host.live_after = opened.hosts[i].facts.live;
    if (i < opened.seconds.size()) host.seconds = opened.seconds[i];
    report.hosts.push_back(std::move(host));
  }
  return report;
}

event::Report Run::failed_report(const std::vector<Error>& errors, const OpenedHosts& opened) const {
  event::Report report = blank(opened, event::HostEnd::unchanged);
  for (const Error& error : errors) {
    const auto host = std::find_if(report.hosts.begin(), report.hosts.end(), [&](const auto& h) { return h.host == error.host; });
    if (host != report.hosts.end() && !host->error) {
      host->error = error;
    } else {
      report.errors.push_back(error);
    }
  }
  report.outcome = runner::outcome_before_writing(errors, with_.stop.stop_requested());
  return report;
}

event::Report Run::end_early(const std::vector<Error>& errors, const OpenedHosts& opened) {
  event::Report report = failed_report(errors, opened);
  local_failed_hooks();
  return finish(std::move(report));
}

event::Report Run::end_midway(const std::vector<Error>& errors, const OpenedHosts& opened, bool left) {
  event::Report report = failed_report(errors, opened);
  if (report.outcome == event::Outcome::unreachable) report.outcome = event::Outcome::failed;
  if (left) report.outcome = event::worse(report.outcome, event::Outcome::partial);
  return finish(std::move(report));
}

event::Report Run::end_well(const OpenedHosts& opened, event::HostEnd end) {
  return finish(blank(opened, end));
}

event::Report Run::finish(event::Report report) {
  report.seconds = emit_.seconds();
  if (emit_.has_secrets()) event::redact(report, request_.secrets->redactor());
  emit_(event::RunFinished{report});
  return report;
}

}  // namespace kirikae::deploy
