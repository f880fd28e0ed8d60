#include "ui/tty.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ui/board_lines.h"

namespace kirikae::ui {
namespace {

constexpr auto frame = std::chrono::milliseconds(100);
constexpr std::size_t longest_output = 20;     // screen lines that one line of output may fill
constexpr std::size_t most_held_back = 65536;  // bytes of output that wait for the next frame

// A terminal that knows them shows what is between them at once; others don't heed them.
constexpr std::string_view frame_begins = "\x1b[?2026h", frame_ends = "\x1b[?2026l";
constexpr std::string_view hide_cursor = "\x1b[?25l", show_cursor = "\x1b[?25h";

double seconds(std::chrono::steady_clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Tty::Tty(std::function<void(std::string_view)> screen, std::function<void(std::string_view)> errors, TtyLook look)
    : screen_(std::move(screen)),
      look_(std::move(look)),
      plain_({[this](std::string_view text) { above_ += text; },
              [this, errors = std::move(errors)](std::string_view text) {
                if (errors) {
                  errors(text);
                } else {
                  above_ += text;
                }
              }},
             look_.plain),
      last_seen_(look_.now()),
      last_drawn_(look_.now() - frame) {}

Tty::~Tty() { draw(false); }

void Tty::show(const event::Event& event) {
  const auto columns = static_cast<std::size_t>(look_.size().columns);
  plain_.set_widths(columns * longest_output, columns);
  if (event.at >= last_at_) {  // an event that came in by a side door has no time
    last_at_ = event.at;
    last_seen_ = look_.now();
  }
  board_.note(event);
  if (const auto* output = std::get_if<event::Output>(&event.what)) {
    output_.add(output->host, output->line);
  } else {
    show_output();
    plain_.show(event);
  }
  changed_ = true;
  if (!board_.running() || above_.size() + output_.bytes() > most_held_back) draw(board_.running());
}

void Tty::refresh() {
  const auto now = look_.now();
  if (now - last_drawn_ < frame) return;
  const Size size = look_.size();
  const bool resized = size.columns != drawn_for_.columns || size.rows != drawn_for_.rows;
  const bool clock_moves = now - last_drawn_ >= std::chrono::seconds(1);
  if (changed_ || (board_.running() && (resized || clock_moves))) draw(true);
}

void Tty::suspend() {
  draw(false);
  changed_ = true;
}

double Tty::run_seconds() const { return last_at_ + seconds(look_.now() - last_seen_); }

void Tty::show_output() {
  for (const auto& line : output_.take()) plain_.show_output(line.hosts, line.text);
}

// What is above the board scrolls; the board's lines are painted over each other where nothing scrolls, so that the
// screen doesn't flicker.
void Tty::draw(bool with_board) {
  show_output();
  const Size size = look_.size();
  std::vector<Strip> lines;
  if (with_board && board_.running() && look_.foreground())
    lines = board_lines(board_, size, run_seconds(), look_.plain.palette);
  changed_ = false;
  last_drawn_ = look_.now();
  drawn_for_ = size;
  if (lines.empty() && drawn_.empty() && above_.empty()) return;
  const bool live = !lines.empty() || !drawn_.empty();
  std::string out(live ? frame_begins : "");
  if (!lines.empty()) out += hide_cursor;
  std::size_t up = 0;  // lines that have become longer than the screen is wide are several now
  for (const std::size_t width : drawn_)
    up += 1 + (width == 0 ? 0 : (width - 1) / static_cast<std::size_t>(std::max(size.columns, 1)));
  if (up > 0) out += fmt::format("\r\x1b[{}A", up);
  if (!above_.empty() && up > 0) out += "\x1b[J";
  out += std::exchange(above_, "");
  for (const Strip& line : lines) out += "\x1b[K" + line.text() + '\n';
  if (up > 0) out += "\x1b[J";
  if (lines.empty() && !drawn_.empty()) out += show_cursor;
  if (live) out += frame_ends;
  drawn_.clear();
  for (const Strip& line : lines) drawn_.push_back(line.width());
  if (lines.empty()) {
    note_shown_cursor();
  } else {
    note_hidden_cursor();
  }
  screen_(out);
}

}  // namespace kirikae::ui
