// Board: what the events of a run come to: where it is, what each host does, how far the upload is. No drawing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event/event.h"
#include "ui/meter.h"

namespace kirikae::ui {

// Texts are sanitised.
struct BoardHost {
  enum class State { waiting, working, done, failed };
  std::string name;
  State state = State::waiting;
  std::string doing;        // the step, or what it waits for
  double since = 0;         // when it began to do that
  bool takes_part = false;  // in the present phase
  std::uint64_t sent = 0;   // in the present phase
  std::uint64_t total = 0;  // 0: not known yet
  bool sending = false;     // the step is an upload
  std::string failure;      // why it failed, for as long as the run lasts
};

class Board {
 public:
  struct Counts {
    std::size_t waiting = 0, working = 0, done = 0, failed = 0;
  };
  struct Phase {
    std::string name;
    double start = 0;
  };
  struct Passed {  // a phase that has ended
    std::string name;
    Counts counts;
    bool on_hosts = true;
  };
  struct Task {  // of this machine
    std::string name;
    double since = 0;
  };
  struct Upload {
    std::uint64_t sent = 0;
    std::uint64_t total = 0;     // 0: not known yet
    std::optional<double> rate;  // bytes per second
    std::optional<double> left;  // seconds, by the slower of the whole and the slowest host
  };

  void note(const event::Event& event);

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] const std::string& title() const { return title_; }  // "deploy shop to production"
  [[nodiscard]] const std::string& release() const { return release_; }
  [[nodiscard]] const std::vector<BoardHost>& hosts() const { return hosts_; }
  [[nodiscard]] const std::optional<Phase>& phase() const { return phase_; }
  [[nodiscard]] const std::vector<Passed>& passed() const { return passed_; }
  [[nodiscard]] const std::optional<Task>& local() const { return local_; }
  // Of the hosts that take part in the present phase.
  [[nodiscard]] Counts counts() const;
  // None: nothing is uploaded in this phase. `now`: seconds since the run began.
  [[nodiscard]] std::optional<Upload> upload(double now) const;

 private:
  void on(const event::RunStarted& e, double at);
  void on(const event::ReleaseChosen& e, double at);
  void on(const event::PhaseStarted& e, double at);
  void on(const event::PhaseFinished& e, double at);
  void on(const event::HostState& e, double at);
  void on(const event::StepStarted& e, double at);
  void on(const event::StepFinished& e, double at);
  void on(const event::Output&, double) {}
  void on(const event::Progress& e, double at);
  void on(const event::Warning&, double) {}
  void on(const event::Answer&, double) {}
  void on(const event::Omitted&, double) {}
  void on(const event::RunFinished&, double) { running_ = false; }
  BoardHost* find(const std::string& name);

  bool running_ = false;
  std::string title_, release_;
  std::vector<BoardHost> hosts_;
  std::map<std::string, std::size_t> index_;  // by the name as it came
  std::optional<Phase> phase_;
  std::vector<Passed> passed_;
  std::optional<Task> local_;
  std::uint64_t sent_ = 0;  // in the present phase
  Meter meter_;
};

}  // namespace kirikae::ui
