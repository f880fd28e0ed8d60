// The terminal: is there one, how big, may it be coloured; and leaving it as it was found.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::ui {

struct Size {
  int columns = 80;
  int rows = 24;
};

bool is_terminal(int fd);
// A terminal that understands cursor movement: not TERM=dumb, nor unset.
bool can_redraw(int fd);
// Whether we are what the person at it works with: not a job in the background. True where that isn't known.
bool in_foreground(int fd);
// Not where NO_COLOR is set.
bool may_colour(int fd);
// 80 × 24 where it isn't known.
Size size_of(int fd);

// Writes all of it, also to a descriptor that somebody made non-blocking. False: the reader is gone; nothing more to do
// then.
bool write_all(int fd, std::string_view text);

// Whether a short text would go there without waiting, or will within 200 ms: not to a pipe that nobody reads, nor to a terminal after ^S.
bool takes_text(int fd);

// Colours for text, or none.
class Palette {
 public:
  explicit Palette(bool on = false) : on_(on) {}
  [[nodiscard]] std::string good(std::string_view text) const { return paint("32", text); }
  [[nodiscard]] std::string bad(std::string_view text) const { return paint("31", text); }
  [[nodiscard]] std::string warning(std::string_view text) const { return paint("33", text); }
  [[nodiscard]] std::string faint(std::string_view text) const { return paint("2", text); }
  [[nodiscard]] std::string strong(std::string_view text) const { return paint("1", text); }

 private:
  [[nodiscard]] std::string paint(std::string_view code, std::string_view text) const;
  bool on_;
};

// What has been changed of the terminal and has to be put back. One per process: there is one terminal.
void note_hidden_cursor();  // by a live display on standard output
void note_shown_cursor();
void restore_cursor();  // puts it back
// Puts back the cursor and the echo; both from any thread or a signal handler, any number of times.
void restore_terminal();

}  // namespace kirikae::ui
