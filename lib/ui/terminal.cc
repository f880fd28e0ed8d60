#include "ui/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "ui/echo.h"

namespace kirikae::ui {
namespace {

std::atomic<bool> cursor_hidden = false;

bool set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool can_redraw(int fd) {
  const char* kind = std::getenv("TERM");
  return is_terminal(fd) && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

bool in_foreground(int fd) {
  const pid_t group = ::tcgetpgrp(fd);
  return group < 0 || group == ::getpgrp();
}

bool may_colour(int fd) { return can_redraw(fd) && !set("NO_COLOR"); }

Size size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool takes_text(int fd) {
  constexpr int patience = 200;  // milliseconds
  pollfd ready{fd, POLLOUT, 0};
  return ::poll(&ready, 1, patience) > 0;
}

std::string Palette::paint(std::string_view code, std::string_view text) const {
  if (!on_) return std::string(text);
  return "\x1b[" + std::string(code) + 'm' + std::string(text) + "\x1b[0m";
}

void note_hidden_cursor() { cursor_hidden = true; }

void note_shown_cursor() { cursor_hidden = false; }

// Only calls that a signal handler may make, here and below.
void restore_cursor() {
  if (cursor_hidden.exchange(false) && takes_text(STDOUT_FILENO)) {
    constexpr std::string_view show = "\x1b[?25h";
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, show.data(), show.size());
  }
}

void restore_terminal() {
  restore_cursor();
  restore_echo();
}

}  // namespace kirikae::ui
