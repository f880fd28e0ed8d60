// Tmux: a real terminal without anybody at it: a tmux server of the test's own, with one pane, and captures of what is on
// its screen. What a program writes there is what a person would see.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.h"
#include "support/temp_dir.h"
#include "ui/terminal.h"

namespace kirikae::golden {

class Tmux {
 public:
  // `command`: shell text for the pane; empty: nothing runs there that would read or write.
  explicit Tmux(ui::Size size, const std::string& command = {}, const std::filesystem::path& folder = "/");
  ~Tmux();  // ends the server, and with it what runs in the pane
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;
  Tmux(Tmux&&) = delete;
  Tmux& operator=(Tmux&&) = delete;

  // Writes to the pane's terminal, and waits until tmux has read all of it.
  void write(std::string_view bytes);
  // Size as programs in the pane see it.
  [[nodiscard]] ui::Size size() const { return ui::size_of(terminal_.get()); }
  // Returns when programs in the pane see it.
  void resize(ui::Size size) const;

  void type(const std::vector<std::string>& keys) const;  // as tmux calls them: "fg", "Enter", "C-z"
  // Looks at the screen until it has this on it; false: not within forty seconds.
  [[nodiscard]] bool shows(const std::string& text) const;
  [[nodiscard]] bool becomes(const std::function<bool(const Tmux&)>& condition) const;

  // The screen's lines, without blanks at their ends and without empty ones at the end.
  [[nodiscard]] std::string text() const { return capture({}); }
  // With all that has scrolled out above.
  [[nodiscard]] std::string all() const { return capture({"-S", "-"}); }
  // With colours told, as `{red}text{}`. Others than the sixteen: `{38;5;208}`.
  [[nodiscard]] std::string coloured() const;
  [[nodiscard]] bool cursor_shown() const { return ask("#{cursor_flag}") == "1"; }
  [[nodiscard]] bool alternate_screen() const { return ask("#{alternate_on}") == "1"; }
  [[nodiscard]] std::string title() const { return ask("#{pane_title}"); }

 private:
  [[nodiscard]] std::string run(std::vector<std::string> words) const;
  [[nodiscard]] std::string ask(const std::string& format) const;
  [[nodiscard]] std::string capture(std::vector<std::string> more) const;

  test::TempDir folder_;  // has the socket
  Fd terminal_;
};

// Whether `text` is what the golden file says: tests/golden/NAME.txt. Where the environment has KIRIKAE_GOLDEN=write, the
// file is written instead.
bool same_as_golden(const std::string& name, const std::string& text);
// For a screen that others write to: it has forty seconds to become what the golden file says. `look` captures it.
bool comes_to_golden(const std::string& name, const std::function<std::string()>& look);

}  // namespace kirikae::golden
