#include "deploy/hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <numeric>
#include <random>
#include <set>

#include "core/fold.h"
#include "host/command.h"
#include "plan/preflight.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;
using event::Phase;

using Indexes = std::vector<std::size_t>;

// What opening has come to. Each host's thread writes its own host's entries only.
struct Opening {
  const Request& request;
  const Surroundings& with;
  runner::TaskGroup& group;
  const runner::Emitter& emit;
  OpenedHosts opened{};
  std::vector<std::optional<release::LockRefusal>> refusals{};
  std::vector<std::string> identities{};
  std::vector<double> starts{};

  // Runs a host's job, and counts its time.
  template <class Job>
  void spend(std::size_t i, Job job) {
    const double start = emit.seconds();
    job();
    opened.seconds[i] += emit.seconds() - start;
  }
  void tell(std::size_t i, std::string_view state) const { emit(event::HostState{request.hosts[i].name, std::string(state)}); }
  void fail(std::size_t i, Error error) { opened.errors[i] = std::move(error).on(request.hosts[i].name); }
};

void connect(Opening& opening, std::size_t i, runner::Station& station, bool payload) {
  const inventory::Host& host = opening.request.hosts[i];
  opening.starts[i] = opening.emit.seconds();
  opening.emit(event::StepStarted{host.name, Phase::connect, "connect"});
  const auto tell = [&](std::string_view state) { opening.tell(i, state); };
  auto transport = opening.with.connector.connect({host.name, host.address, host.port, host.user, payload}, tell,
                                                  {Deadline::never(), opening.with.stop});
  if (!transport) return opening.fail(i, std::move(transport).error());
  station.transport = *std::move(transport);
  opening.identities[i] = station.transport->identity();
}

Error other_application(const release::Layout& layout, const std::string& theirs, const std::string& ours) {
  return {ErrorCode::preflight, fmt::format("'{}' is the tree of the application '{}', and this recipe's is '{}'", layout.root(), theirs, ours),
          fmt::format("correct 'deploy_to'; or, if it has another name now, remove '{}' on the host", layout.application())};
}

void take_facts(Opening& opening, std::size_t i, const std::string& answer, std::int64_t asked) {
  auto facts = release::parse_facts(answer);
  if (!facts) return opening.fail(i, std::move(facts).error());
  facts->host = opening.request.hosts[i].name;
  // Others would take it for a tree where nothing is.
  if (facts->unseen) return opening.fail(i, Error(ErrorCode::preflight, facts->problems.front()));
  const std::string& ours = opening.request.recipe.application;
  if (!facts->application.empty() && facts->application != ours) {
    return opening.fail(i, other_application(release::Layout(opening.request.recipe.deploy_to), facts->application, ours));
  }
  facts->asked = asked;
  facts->answered = opening.with.unix_now();
  opening.opened.hosts[i].facts = *std::move(facts);
}

void ask_facts(Opening& opening, std::size_t i, runner::Station& station) {
  if (station.lost) return opening.fail(i, *station.lost);
  opening.tell(i, "reading its state");
  std::string answer, complaint;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
    std::string& text = stream == ssh::Stream::out ? answer : complaint;
    if (text.size() < longest_facts) text += bytes;
  };
  const auto command = facts_of(opening.request.recipe);
  const std::int64_t asked = opening.with.unix_now();
  auto ended = station.transport->exec(command, hear, {Deadline::in(60s), opening.with.stop});
  if (!ended) return opening.fail(i, std::move(ended).error());
  if (!ended->ok()) return opening.fail(i, unreadable_state(*ended, complaint));
  take_facts(opening, i, answer, asked);
}

void lock_and_ask(Opening& opening, const LockWish& wish, std::size_t i, runner::Station& station) {
  if (station.lost) return opening.fail(i, *station.lost);
  opening.tell(i, "reading its state");
  const std::int64_t asked = opening.with.unix_now();
  auto tried = try_lock(opening.request, wish, i, asked, *station.transport, opening.with.stop);
  if (!tried) return opening.fail(i, std::move(tried).error());
  opening.refusals[i] = tried->refusal;
  if (tried->refusal) return;
  take_facts(opening, i, tried->facts, asked);
  release::Facts& facts = opening.opened.hosts[i].facts;
  if (facts.locked) {
    facts.lock_token = token_of(wish, i);
    facts.lock.reset();  // it is ours
  } else if (!opening.opened.errors[i] && facts.problems.empty()) {
    facts.problems.push_back(no_lock_text(opening.request));
  }
}

void unlock_hosts(Opening& opening, const LockWish& wish, const Indexes& hosts) {
  opening.group.run(hosts, [&](std::size_t i, runner::Station& station) {
    if (station.lost || !opening.opened.hosts[i].facts.locked) return;
    const auto command = host::unlock(release::Layout(opening.request.recipe.deploy_to), token_of(wish, i));
    const auto ignore = [](ssh::Stream, std::string_view) {};
    // Should that fail, the end of the session frees it.
    (void)station.transport->exec(command, ignore, {Deadline::in(30s), {}});
    opening.opened.hosts[i].facts = {};
  });
}

// One order for everybody, whatever they call the hosts: first one host alone, then all others at once. So of several runs one is
// first on the first host and meets nobody later.
bool lock_once(Opening& opening, const LockWish& wish, const Indexes& order) {
  const auto lock = [&](std::size_t i, runner::Station& station) {
    opening.spend(i, [&] { lock_and_ask(opening, wish, i, station); });
  };
  const auto refused = [&] {
    return std::any_of(opening.refusals.begin(), opening.refusals.end(), [](const auto& refusal) { return refusal.has_value(); });
  };
  opening.group.run({order.front()}, lock);
  if (!refused() && !opening.opened.any_error()) opening.group.run(Indexes(order.begin() + 1, order.end()), lock);
  if (!refused()) return true;
  unlock_hosts(opening, wish, order);
  return false;
}

// Somebody else's lock may go by itself; a freeze, or a tree that is named twice, doesn't.
bool may_wait(const Opening& opening) {
  return std::all_of(opening.refusals.begin(), opening.refusals.end(), [](const auto& refusal) {
    return !refusal || (!refusal->frozen && refusal->same_as.empty());
  });
}

// False: asked to stop.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void lock_all(Opening& opening, const LockWish& wish) {
  Indexes order(opening.request.hosts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(opening.identities[a], opening.request.hosts[a].name) <
           std::tie(opening.identities[b], opening.request.hosts[b].name);
  });
  const Deadline deadline = Deadline::in(opening.request.lock_wait);
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> spread(300, 1500);  // milliseconds, so that those who wait together don't come back together
  std::string told;
  while (!lock_once(opening, wish, order)) {
    if (opening.opened.any_error() || !may_wait(opening) || deadline.passed()) break;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (!opening.refusals[i]) continue;
      const std::string who = release::to_text(opening.refusals[i]->lock.value_or(release::LockHolder{}));
      opening.tell(i, "waiting for the lock of " + who);
      if (told != who) opening.emit(event::Warning{opening.request.hosts[i].name, "waiting for the lock of " + who});
      told = who;
    }
    if (!pause(std::chrono::milliseconds(spread(random)), opening.with.stop)) break;
    opening.refusals.assign(order.size(), std::nullopt);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (opening.refusals[i] && !opening.opened.errors[i]) {
      opening.fail(i, refusal_error(*opening.refusals[i], opening.request, wish, opening.request.hosts[i].name));
    }
  }
}

}  // namespace

bool OpenedHosts::any_error() const {
  return std::any_of(errors.begin(), errors.end(), [](const auto& error) { return error.has_value(); });
}

std::vector<Error> OpenedHosts::all_errors() const {
  std::vector<Error> all;
  for (const auto& error : errors) {
    if (error) all.push_back(*error);
  }
  return all;
}

std::vector<plan::HostFacts> OpenedHosts::answered() const {
  std::vector<plan::HostFacts> those;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!errors[i] && !hosts[i].facts.host.empty()) those.push_back(hosts[i]);
  }
  return those;
}

OpenedHosts open_hosts(const Request& request, const Surroundings& with, runner::TaskGroup& group, const runner::Emitter& emit,
                       const std::optional<LockWish>& lock, bool payload, const std::function<bool(const OpenedHosts&)>& ready) {
  const std::size_t count = request.hosts.size();
  Opening opening{request, with, group, emit};
  for (const auto& host : request.hosts) opening.opened.hosts.push_back({host, {}});
  opening.opened.errors.resize(count);
  opening.opened.seconds.resize(count);
  opening.refusals.resize(count);
  opening.identities.resize(count);
  opening.starts.resize(count);
  std::vector<std::string> names;
  for (const auto& host : request.hosts) names.push_back(host.name);
  const double start = emit.seconds();
  emit(event::PhaseStarted{Phase::connect, names});
  Indexes all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  group.run(all, [&](std::size_t i, runner::Station& station) {
    opening.spend(i, [&] { connect(opening, i, station, payload); });
  });
  const auto finished = [&](std::size_t i) {
    emit(event::StepFinished{names[i], Phase::connect, "connect", emit.seconds() - opening.starts[i], opening.opened.errors[i]});
  };
  // Those that can't be connected are told at once: what comes now may take its time.
  for (const std::size_t i : all) {
    if (opening.opened.errors[i]) finished(i);
  }
  std::erase_if(all, [&](std::size_t i) { return opening.opened.errors[i].has_value(); });
  const double waiting = emit.seconds();
  const bool goes_on = !ready || ready(opening.opened);
  const double waited = emit.seconds() - waiting;
  for (double& each : opening.starts) each += waited;
  if (goes_on && lock && !opening.opened.any_error()) {
    lock_all(opening, *lock);
  } else if (goes_on) {
    group.run(all, [&](std::size_t i, runner::Station& station) {
      opening.spend(i, [&] { ask_facts(opening, i, station); });
    });
  }
  for (const std::size_t i : all) finished(i);
  const auto failed = opening.opened.all_errors().size();
  emit(event::PhaseFinished{Phase::connect, emit.seconds() - start, static_cast<int>(failed)});
  return std::move(opening.opened);
}

std::vector<Error> problems_of(const OpenedHosts& opened, std::vector<Error> more) {
  std::vector<Error> problems = opened.all_errors();
  std::set<std::string> lost;
  for (const Error& error : problems) lost.insert(error.host);
  // Those, too, that were asked nothing since another one's lock is held.
  for (const plan::HostFacts& each : opened.hosts) {
    if (each.facts.host.empty()) lost.insert(each.host.name);
  }
  for (Error& error : more) {
    if (!lost.contains(error.host)) problems.push_back(std::move(error));
  }
  return problems;
}

std::vector<Error> problems_of(const OpenedHosts& opened, std::vector<Error> preflight, const Result<plan::Plan>& plan,
                               const SecretSet* secrets) {
  if (plan) {
    std::ranges::move(plan::task_problems(*plan, secrets), std::back_inserter(preflight));
  } else if (!opened.any_error() && (plan.error().code != ErrorCode::preflight || preflight.empty())) {
    preflight.push_back(plan.error());  // that no release is there to go back to may come of the others
  }
  return problems_of(opened, std::move(preflight));
}

}  // namespace kirikae::deploy
