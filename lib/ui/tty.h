// Tty: a live display for a terminal. The lines of Plain scroll past above; below them a heading and one line per host
// are redrawn in place, at most ten times a second.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ui/plain.h"
#include "ui/renderer.h"
#include "ui/terminal.h"

namespace kirikae::ui {

struct TtyLook {
  PlainLook plain;
  std::function<Size()> size;
  std::function<std::chrono::steady_clock::time_point()> now;
};

class Tty : public Renderer {
 public:
  // `screen` is the terminal. Standard error's text goes there too where it is a terminal (`errors` empty), else to
  // `errors`.
  Tty(std::function<void(std::string_view)> screen, std::function<void(std::string_view)> errors, TtyLook look);
  ~Tty() override;
  Tty(const Tty&) = delete;
  Tty& operator=(const Tty&) = delete;
  Tty(Tty&&) = delete;
  Tty& operator=(Tty&&) = delete;

  void show(const event::Event& event) override;
  void refresh() override;
  void suspend() override;

 private:
  enum class State { waiting, working, done, failed };
  struct Host {
    std::string name;
    State state = State::waiting;
    std::string doing;
    std::uint64_t sent = 0;
    std::uint64_t total = 0;
    double since = 0;  // when it began to do that
  };

  void note(const event::Event& event);
  void start_phase(const event::PhaseStarted& started, double at);
  void finish_step(const event::StepFinished& finished);
  Host* find(const std::string& name);
  [[nodiscard]] std::vector<std::string> live_lines(Size size) const;
  [[nodiscard]] std::string heading(std::size_t columns) const;
  [[nodiscard]] std::string host_line(const Host& host, std::size_t name_width, std::size_t columns) const;
  [[nodiscard]] std::vector<const Host*> worth_showing(std::size_t most) const;
  [[nodiscard]] double run_seconds() const;
  void draw(bool with_live);

  std::function<void(std::string_view)> screen_;
  TtyLook look_;
  std::string above_;  // scrolls past at the next drawing
  Plain plain_;
  std::vector<Host> hosts_;
  std::map<std::string, std::size_t> index_;
  std::string phase_;
  double phase_start_ = 0;
  bool running_ = false;
  bool changed_ = false;
  std::vector<std::size_t> drawn_;  // the columns that each live line on the screen takes
  double last_at_ = 0;              // the latest event's time, and when it was shown
  std::chrono::steady_clock::time_point last_seen_;
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace kirikae::ui
