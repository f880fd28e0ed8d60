#include "deploy/visit.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "deploy/run.h"
#include "host/command.h"
#include "plan/preflight.h"
#include "plan/tasks.h"
#include "runner/masked_lines.h"

namespace kirikae::deploy {
namespace {

using event::Phase;

// As timeout(1) and ssh(1) have them.
constexpr int timeout_status = 124;
constexpr int lost_status = 255;

// What came of one host. Written by the host's own thread.
struct Visited {
  bool connected = false;
  int status = 0;
  double seconds = 0;
  std::optional<Error> error;
};

Error ended_badly(const ssh::Exit& ended) {
  return {ErrorCode::remote, "the command " + ended.text()};
}

class Visit {
 public:
  Visit(const Surroundings& with, const runner::Emitter& emit) : with_(with), emit_(emit) {}

  Visited operator()(const inventory::Host& host, runner::Station& station, const host::Command& command,
                     std::optional<std::chrono::seconds> timeout) const {
    const double start = emit_.seconds();
    Visited visited;
    if (auto connected = connect(host, station); !connected) {
      visited.error = std::move(connected).error();
      visited.status = lost_status;
    } else {
      visited.connected = true;
      run(host, *station.transport, command, timeout, visited);
      // Others may wait for a place; and a shell that is kept for nothing takes memory there.
      station.transport->close();
      station.transport.reset();
    }
    visited.seconds = emit_.seconds() - start;
    return visited;
  }

 private:
  Result<void> connect(const inventory::Host& host, runner::Station& station) const {
    const double start = emit_.seconds();
    emit_(event::StepStarted{host.name, Phase::run, "connect"});
    const auto tell = [&](std::string_view state) { emit_(event::HostState{host.name, std::string(state)}); };
    auto transport =
        with_.connector.connect({host.name, host.address, host.port, host.user}, tell, {Deadline::never(), with_.stop});
    Result<void> done;
    if (transport) {
      station.transport = *std::move(transport);
    } else {
      done = std::unexpected(std::move(transport).error().on(host.name));
    }
    finish(host, "connect", start, done ? std::nullopt : std::optional(done.error()));
    return done;
  }

  void run(const inventory::Host& host, ssh::Transport& transport, const host::Command& command,
           std::optional<std::chrono::seconds> timeout, Visited& visited) const {
    const double start = emit_.seconds();
    emit_(event::StepStarted{host.name, Phase::run, command.name});
    const auto tell = [&](event::Channel channel) {
      return [this, &host, &command, channel](std::string line) {
        emit_(event::Output{host.name, command.name, channel, std::move(line)});
      };
    };
    runner::MaskedLines out(emit_, tell(event::Channel::out)), err(emit_, tell(event::Channel::err));
    const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
      (stream == ssh::Stream::err ? err : out).add(bytes);
    };
    const Deadline deadline = timeout ? Deadline::in(*timeout) : Deadline::never();
    auto ended = transport.exec(command, hear, {deadline, with_.stop});
    out.flush();
    err.flush();
    if (!ended) {
      visited.status = ended.error().code == ErrorCode::timeout ? timeout_status : lost_status;
      visited.error = std::move(ended).error().on(host.name);
    } else if (!ended->ok()) {
      visited.status = std::max(ended->status, 1);
      visited.error = ended_badly(*ended).on(host.name);
    }
    finish(host, command.name, start, visited.error);
  }

  void finish(const inventory::Host& host, const std::string& step, double start, std::optional<Error> error) const {
    emit_(event::StepFinished{host.name, Phase::run, step, emit_.seconds() - start, std::move(error)});
  }

  const Surroundings& with_;
  const runner::Emitter& emit_;
};

// Of all hosts together, by the worst; a stop that came too late to stop anything is none.
event::Outcome outcome_of(const std::vector<Visited>& visits) {
  const auto failed_by = [](std::initializer_list<ErrorCode> codes) {
    return [codes](const Visited& visited) {
      return visited.error && std::find(codes.begin(), codes.end(), visited.error->code) != codes.end();
    };
  };
  if (std::any_of(visits.begin(), visits.end(), failed_by({ErrorCode::cancelled}))) return event::Outcome::interrupted;
  if (std::all_of(visits.begin(), visits.end(),
                  failed_by({ErrorCode::connect, ErrorCode::auth, ErrorCode::host_key}))) {
    return event::Outcome::unreachable;
  }
  const bool any =
      std::any_of(visits.begin(), visits.end(), [](const Visited& visited) { return visited.error.has_value(); });
  return any ? event::Outcome::failed : event::Outcome::done;
}

std::vector<std::size_t> all_of(const Request& request) {
  std::vector<std::size_t> all(request.hosts.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

event::Report report_of(const std::vector<Visited>& visits, const Run& run) {
  event::Report report = run.blank({}, event::HostEnd::unchanged);
  for (std::size_t i = 0; i < visits.size(); ++i) {
    report.hosts[i].seconds = visits[i].seconds;
    report.hosts[i].error = visits[i].error;
  }
  report.outcome = outcome_of(visits);
  return report;
}

// All hosts, `parallel` of them at the same time.
std::vector<Visited> visit_all(const Request& request, const Surroundings& with, const Run& run, int parallel,
                               const std::function<host::Command(const inventory::Host&)>& command,
                               std::optional<std::chrono::seconds> timeout, bool tell_at_once = false) {
  std::vector<std::string> names;
  for (const auto& host : request.hosts) names.push_back(host.name);
  run.emit()(event::PhaseStarted{Phase::run, names});
  const double start = run.emit().seconds();
  std::vector<Visited> visits(request.hosts.size());
  runner::TaskGroup group(request.hosts.size(), parallel);
  const Visit visit(with, run.emit());
  group.run(all_of(request), [&](std::size_t i, runner::Station& station) {
    visits[i] = visit(request.hosts[i], station, command(request.hosts[i]), timeout);
    const auto& error = visits[i].error;
    if (tell_at_once && error && error->code != ErrorCode::cancelled) {
      run.emit()(event::Warning{request.hosts[i].name, "not followed any more: " + error->message});
    }
  });
  const auto failed =
      std::count_if(visits.begin(), visits.end(), [](const Visited& visited) { return visited.error.has_value(); });
  run.emit()(event::PhaseFinished{Phase::run, run.emit().seconds() - start, static_cast<int>(failed)});
  return visits;
}

}  // namespace

event::Report run_command(const Request& request, const TypedCommand& typed, const Surroundings& with) {
  Run run(request, with, "run");
  const release::Layout layout(request.recipe.deploy_to);
  const std::vector<plan::PlannedHost> none;
  const plan::TaskScene scene{request.recipe, layout, "run", {}, none, plan::TaskScene::Place::before};
  const auto command = [&](const inventory::Host& host) {
    const plan::PlannedHost planned{host, {}};
    return host::run(layout, typed.text, plan::environment_of(scene, &planned), request.secrets.get());
  };
  std::size_t longest = 0;
  for (const auto& host : request.hosts) longest = std::max(longest, command(host).text.size());
  if (longest > plan::longest_command) {
    return run.end_early({Error(ErrorCode::usage, plan::too_long_text("the command", longest), "put it into a file of the release, and run that")});
  }
  const auto visits = visit_all(request, with, run, request.recipe.ssh.parallel, command, typed.timeout);
  event::Report report = report_of(visits, run);
  if (report.outcome != event::Outcome::interrupted) {
    report.exit_code = 0;
    for (const Visited& visited : visits) report.exit_code = std::max(*report.exit_code, visited.status);
  }
  return run.finish(std::move(report));
}

event::Report show_logs(const Request& request, const LogWish& wish, const Surroundings& with) {
  Run run(request, with, "logs");
  if (request.recipe.logs.empty()) {
    return run.end_early(
        {Error(ErrorCode::usage, "the recipe names no log files", "for instance: logs: [log/production.log]")});
  }
  const auto command = [&](const inventory::Host&) {
    return host::logs(release::Layout(request.recipe.deploy_to), request.recipe.logs, wish.follow, wish.lines);
  };
  // Whoever is followed keeps its place: all hosts have one.
  const int places = wish.follow ? static_cast<int>(request.hosts.size()) : request.recipe.ssh.parallel;
  auto visits = visit_all(request, with, run, places, command, std::nullopt, wish.follow);
  for (Visited& visited : visits) {
    if (!visited.error || !visited.connected) continue;
    if (wish.follow && visited.error->code == ErrorCode::cancelled) {
      visited.error.reset();
    } else if (visited.error->code == ErrorCode::remote) {
      visited.error->message = "not all of its log files could be shown";
    }
  }
  return run.finish(report_of(visits, run));
}

}  // namespace kirikae::deploy
