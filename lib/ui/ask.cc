#include "ui/ask.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/fd.h"
#include "core/waker.h"
#include "ui/echo.h"
#include "ui/sanitize.h"
#include "ui/terminal.h"

namespace kirikae::ui {
namespace {

Fd open_terminal() { return Fd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)); }

// One line as the terminal hands it over: its driver does the editing. `line` keeps room so that no copies of it stay
// behind.
bool read_line(int fd, const std::stop_token& stop, std::string& line) {
  constexpr std::size_t longest = 4096;  // of a line that the driver edits
  line.reserve(longest);
  const Waker stopped;
  const std::stop_callback wake(stop, [&] { stopped.wake(); });
  for (;;) {
    std::array<pollfd, 2> fds = {pollfd{fd, POLLIN, 0}, pollfd{stopped.fd(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return false;
    if (stop.stop_requested()) return false;
    if (fds[0].revents == 0) continue;
    char character = 0;
    const ssize_t got = ::read(fd, &character, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return false;
    if (character == '\n') return true;
    if (line.size() < longest) line += character;
  }
}

}  // namespace

bool can_ask() { return is_terminal(STDIN_FILENO) && open_terminal().valid(); }

std::optional<std::string> ask_line(const std::string& question, const std::stop_token& stop) {
  const Fd terminal = open_terminal();
  std::string line;
  if (!terminal.valid() || !write_all(terminal.get(), sanitize_line(question) + ": ")) return std::nullopt;
  if (read_line(terminal.get(), stop, line)) return line;
  write_all(terminal.get(), "\n");
  return std::nullopt;
}

Secret ask_secret(const std::string& question, const std::stop_token& stop) {
  const Fd terminal = open_terminal();
  if (!terminal.valid() || !silence_echo(terminal.get())) return {};
  std::string line;
  const bool answered =
      write_all(terminal.get(), sanitize_line(question) + ": ") && read_line(terminal.get(), stop, line);
  if (!answered) write_all(terminal.get(), "\n");
  restore_echo();
  Secret secret(std::move(line));
  return answered ? std::move(secret) : Secret();
}

}  // namespace kirikae::ui
