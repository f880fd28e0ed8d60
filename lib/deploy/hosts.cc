#include "deploy/hosts.h"

#include <algorithm>
#include <numeric>

#include "host/command.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;
using event::Phase;

constexpr std::size_t longest_answer = 8 << 20;  // bytes of facts; thousands of releases take a tenth of it

Result<release::Facts> ask_facts(const recipe::Recipe& recipe, ssh::Transport& transport, std::stop_token stop) {
  std::string answer, complaint;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
    std::string& text = stream == ssh::Stream::out ? answer : complaint;
    if (text.size() < longest_answer) text += bytes;
  };
  const auto command = host::facts(release::Layout(recipe.deploy_to), recipe.shared.files);
  TRY_ASSIGN(const ssh::Exit ended, transport.exec(command, hear, {Deadline::in(60s), std::move(stop)}));
  if (!ended.ok()) return std::unexpected(Error(ErrorCode::remote, "reading the host's state failed: " + complaint));
  return release::parse_facts(answer);
}

Result<release::Facts> open_one(const Request& request, const Surroundings& with, const inventory::Host& host,
                                runner::Station& station, const runner::Emitter& emit) {
  const auto tell = [&](std::string_view state) { emit(event::HostState{host.name, std::string(state)}); };
  const ssh::Target target{host.name, host.address, host.port, host.user};
  TRY_ASSIGN(station.transport, with.connector.connect(target, tell, {Deadline::never(), with.stop}));
  tell("reading its state");
  TRY_ASSIGN(auto facts, ask_facts(request.recipe, *station.transport, with.stop));
  facts.host = host.name;
  return facts;
}

}  // namespace

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
    if (!errors[i]) those.push_back(hosts[i]);
  }
  return those;
}

OpenedHosts open_hosts(const Request& request, const Surroundings& with, runner::TaskGroup& group, const runner::Emitter& emit) {
  const std::size_t count = request.hosts.size();
  OpenedHosts opened;
  for (const auto& host : request.hosts) opened.hosts.push_back({host, {}});
  opened.errors.resize(count);
  std::vector<std::string> names;
  for (const auto& host : request.hosts) names.push_back(host.name);
  const double start = emit.seconds();
  emit(event::PhaseStarted{Phase::connect, std::move(names)});
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  group.run(all, [&](std::size_t i, runner::Station& station) {
    const double host_start = emit.seconds();
    emit(event::StepStarted{request.hosts[i].name, Phase::connect, "connect"});
    auto facts = open_one(request, with, request.hosts[i], station, emit);
    if (facts) {
      opened.hosts[i].facts = *std::move(facts);
    } else {
      opened.errors[i] = std::move(facts).error().on(request.hosts[i].name);
    }
    emit(event::StepFinished{request.hosts[i].name, Phase::connect, "connect", emit.seconds() - host_start, opened.errors[i]});
  });
  const auto failed = std::count_if(opened.errors.begin(), opened.errors.end(), [](const auto& e) { return e.has_value(); });
  emit(event::PhaseFinished{Phase::connect, emit.seconds() - start, static_cast<int>(failed)});
  return opened;
}

}  // namespace kirikae::deploy
