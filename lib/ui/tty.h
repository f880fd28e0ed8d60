// Tty: a live display for a terminal. The lines of Plain scroll past above; below them the board is redrawn in place, at
// most ten times a second, each time by one write.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ui/board.h"
#include "ui/equal_lines.h"
#include "ui/plain.h"
#include "ui/renderer.h"
#include "ui/strip.h"
#include "ui/terminal.h"

namespace kirikae::ui {

struct TtyLook {
  PlainLook plain;
  std::function<Size()> size;
  std::function<std::chrono::steady_clock::time_point()> now;
  std::function<bool()> foreground = [] { return true; };  // false: no board now, a shell has the screen
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
  [[nodiscard]] double run_seconds() const;
  void show_output();
  void draw(bool with_board);

  std::function<void(std::string_view)> screen_;
  TtyLook look_;
  std::string above_;  // scrolls past at the next drawing
  EqualLines output_;  // likewise, after it
  Plain plain_;
  Board board_;
  bool changed_ = false;
  Size drawn_for_;
  std::vector<std::size_t> drawn_;  // the columns that each line of the board takes on the screen
  double last_at_ = 0;              // the latest event's time, and when it was shown
  std::chrono::steady_clock::time_point last_seen_;
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace kirikae::ui
