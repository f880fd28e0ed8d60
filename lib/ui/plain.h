// Plain: events as lines, each with its host in front; outcomes that many hosts share are one line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ui/ci.h"
#include "ui/renderer.h"
#include "ui/shared_text.h"
#include "ui/terminal.h"

namespace kirikae::ui {

struct PlainLook {
  Level level = Level::normal;
  Palette palette{false};
  bool reading = false;          // a verb that only reads: warnings, no table; all the rest by Level::verbose only
  std::size_t longest_line = 0;  // columns after which an output line is cut; 0: never
  std::size_t table_width = 0;   // columns that the table may take; 0: any number
  CiGroups groups{};             // a phase is one; warnings are annotations
};

class Plain : public Renderer {
 public:
  Plain(Streams streams, PlainLook look) : streams_(std::move(streams)), look_(look) {}
  void show(const event::Event& event) override;
  // A line that several hosts have printed alike; of this machine where there are none.
  void show_output(const std::vector<std::string>& hosts, const std::string& text);
  // The terminal's width changed.
  void set_widths(std::size_t longest_line, std::size_t table_width);

 private:
  struct PhaseState {
    event::Phase phase;
    std::vector<std::string> hosts;
    SharedText failures;
  };

  void on(const event::RunStarted& e);
  void on(const event::ReleaseChosen& e);
  void on(const event::PhaseStarted& e);
  void on(const event::PhaseFinished& e);
  void on(const event::HostState& e);
  void on(const event::StepStarted& e);
  void on(const event::StepFinished& e);
  void on(const event::Output& e);
  void on(const event::Omitted& e);
  void on(const event::Progress&) {}
  void on(const event::Warning& e);
  void on(const event::Answer&) {}  // goes to standard output by itself
  void on(const event::RunFinished& e);

  [[nodiscard]] bool chatty() const;  // shows more than failures, warnings and the end
  void say(const std::string& text);  // whatever is in it, no CI system takes it for a command
  void line(const std::string& hosts, const std::string& text);
  void show_failures(const PhaseState& phase);

  Streams streams_;
  PlainLook look_;
  std::optional<PhaseState> phase_;
};

}  // namespace kirikae::ui
