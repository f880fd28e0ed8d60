#include "display.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "ui/ask.h"
#include "ui/plain.h"
#include "ui/terminal.h"
#include "ui/tty.h"

namespace kirikae::cmd {
namespace {

ui::Level level_of(const Options& options) {
  if (options.quiet) return ui::Level::quiet;
  return options.verbose ? ui::Level::verbose : ui::Level::normal;
}

bool live(const Options& options) {
  if (options.output == Output::plain || !ui::can_redraw(STDOUT_FILENO)) return false;
  return options.output == Output::tty || !options.quiet;
}

std::function<void(std::string_view)> writer(int fd) {
  return [fd](std::string_view text) { ui::write_all(fd, text); };
}

std::unique_ptr<ui::Renderer> make_renderer(const Options& options, bool reading) {
  ui::PlainLook look;
  look.level = level_of(options);
  look.reading = reading;
  look.palette = ui::Palette(ui::may_colour(STDOUT_FILENO) && options.output != Output::plain);
  if (!live(options)) {
    return std::make_unique<ui::Plain>(
        ui::Streams{writer(reading ? STDERR_FILENO : STDOUT_FILENO), writer(STDERR_FILENO)}, look);
  }
  const auto errors = ui::is_terminal(STDERR_FILENO) ? nullptr : writer(STDERR_FILENO);
  return std::make_unique<ui::Tty>(
      writer(STDOUT_FILENO), errors,
      ui::TtyLook{look, [] { return ui::size_of(STDOUT_FILENO); }, std::chrono::steady_clock::now});
}

}  // namespace

Display::Display(const Options& options, bool reading, std::stop_token stop)
    : stop_(stop), renderer_(make_renderer(options, reading)), queue_(*renderer_), told_(std::move(stop), [this] {
        queue_.emit_at_once(
            {0,
             event::Warning{"", "stopping: what is under way is ended in good order; a second signal stops at once"}});
      }) {}

std::function<Secret(const std::string&)> Display::asker() {
  if (!ui::can_ask()) return {};
  return [this](const std::string& question) {
    const ui::Queue::Pause pause(queue_);
    return ui::ask_secret(question, stop_);
  };
}

}  // namespace kirikae::cmd
