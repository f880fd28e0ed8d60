// Scripted runs for the renderers: the events that a run emits, without one.
#pragma once

#include <string>
#include <vector>

#include "event/event.h"

namespace kirikae::golden {

using event::Any;
using event::Event;
using event::Phase;

// What a renderer has written.
struct Shown {
  std::string out, err;
};

// Events get a time one tenth of a second after the one before.
class Script {
 public:
  Script& add(Any what) {
    events_.push_back({static_cast<double>(events_.size()) / 10, std::move(what)});
    return *this;
  }
  Script& start(const std::string& verb, const std::vector<std::string>& hosts) {
    event::RunStarted started{verb, "shop", "production", {}};
    for (const auto& host : hosts) started.hosts.push_back({host, {"app"}});
    hosts_ = hosts;
    return add(started);
  }
  Script& begin(Phase phase) { return add(event::PhaseStarted{phase, hosts_}); }
  Script& step(const std::string& host, Phase phase, const std::string& name, double seconds) {
    add(event::StepStarted{host, phase, name});
    return add(event::StepFinished{host, phase, name, seconds, std::nullopt});
  }
  Script& fail(const std::string& host, Phase phase, const std::string& name, double seconds, const Error& error) {
    add(event::StepStarted{host, phase, name});
    return add(event::StepFinished{host, phase, name, seconds, Error(error).on(host)});
  }
  Script& end(Phase phase, double seconds, int failed = 0) { return add(event::PhaseFinished{phase, seconds, failed}); }
  Script& output(const std::string& host, const std::string& step, const std::string& line) {
    return add(event::Output{host, step, event::Channel::out, line});
  }
  // A phase in which every host does one step.
  Script& phase(Phase phase, const std::string& name, double seconds) {
    begin(phase);
    for (const auto& host : hosts_) step(host, phase, name, seconds);
    return end(phase, seconds);
  }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

 private:
  std::vector<std::string> hosts_;
  std::vector<Event> events_;
};

inline event::HostReport host_report(const std::string& host, event::HostEnd end, double seconds, std::uint64_t bytes) {
  const bool switched = end == event::HostEnd::switched;
  return {host, end, "20261121090000", switched ? "20261122013000" : "20261121090000", seconds, bytes, std::nullopt};
}

inline event::Report report(const std::string& verb, event::Outcome outcome, double seconds) {
  event::Report report;
  report.verb = verb;
  report.application = "shop";
  report.stage = "production";
  report.release = "20261122013000";
  report.outcome = outcome;
  report.seconds = seconds;
  return report;
}

inline std::vector<std::string> web(int count) {
  std::vector<std::string> names;
  for (int i = 1; i <= count; ++i) names.push_back("web" + std::to_string(i) + ".example.com");
  return names;
}

}  // namespace kirikae::golden
