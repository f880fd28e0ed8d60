#include "ui/echo.h"

#include <termios.h>
#include <unistd.h>

#include <atomic>

namespace kirikae::ui {
namespace {

// `found` is written before `silenced_on` tells others of it, and not while that is set.
termios found{};
std::atomic<int> silenced_on = -1;

}  // namespace

bool silence_echo(int fd) {
  if (silenced_on >= 0 || ::tcgetattr(fd, &found) != 0) return false;
  termios silent = found;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  silent.c_lflag |= ECHONL;
  silent.c_cc[VSUSP] = _POSIX_VDISABLE;  // a shell between two halves of a passphrase would get the second one
  silenced_on = fd;
  return ::tcsetattr(fd, TCSAFLUSH, &silent) == 0;
}

bool echo_is_silent() { return silenced_on >= 0; }

void restore_echo() {
  if (const int fd = silenced_on.exchange(-1); fd >= 0) ::tcsetattr(fd, TCSAFLUSH, &found);
}

}  // namespace kirikae::ui
