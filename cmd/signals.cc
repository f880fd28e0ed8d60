#include "signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/deadline.h"
#include "event/outcome.h"
#include "ui/echo.h"
#include "ui/terminal.h"

namespace kirikae::cmd {
namespace {

// What was ignored when we were started stays so (nohup; a script's job in the background): a signalfd would hear it all the same.
bool is_ignored(int signal) {
  struct sigaction found = {};
  return ::sigaction(signal, nullptr, &found) == 0 && found.sa_handler == SIG_IGN;
}

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP}) {
    if (!is_ignored(signal)) sigaddset(&set, signal);
  }
  return set;
}

// A wrapper hands the ^C on that the terminal has given us, too: what comes this soon is the same wish.
constexpr std::chrono::milliseconds same_wish{200};

std::mutex drawer_mutex;
Drawer* drawer = nullptr;  // under drawer_mutex

}  // namespace

Drawer::Drawer(std::function<void()> let_go, std::function<void()> take_back, std::function<void()> freeze)
    : let_go_(std::move(let_go)), take_back_(std::move(take_back)), freeze_(std::move(freeze)) {
  const std::scoped_lock lock(drawer_mutex);
  drawer = this;
}

Drawer::~Drawer() {
  const std::scoped_lock lock(drawer_mutex);
  drawer = nullptr;
}

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
  thread_ = std::jthread([this] { watch(); });
}

Signals::~Signals() {
  end_.wake();
  thread_.join();
}

// By the signal's own doing, which stops nobody who has no shell to bring him back.
void Signals::sleep_until_continued() {
  const std::scoped_lock lock(drawer_mutex);
  if (drawer != nullptr) drawer->let_go_();
  ui::restore_cursor();  // not the echo: a question for a secret may begin right now
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTSTP);
  ::kill(::getpid(), SIGTSTP);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // here we stop
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (drawer != nullptr) drawer->take_back_();
}

void Signals::give_back() {
  std::signal(SIGPIPE, SIG_DFL);
  const sigset_t set = watched();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Signals::stop_at_once() {
  const std::scoped_lock lock(drawer_mutex);
  if (drawer != nullptr) drawer->freeze_();
  ui::restore_terminal();
  if (ui::takes_text(STDERR_FILENO)) {
    ui::write_all(STDERR_FILENO,
                  "\nerror: stopped at once: hosts may be in the middle of a step\n  'deploy status STAGE' shows "
                  "where they stand\n");
  }
  ::_exit(event::exit_code(event::Outcome::interrupted));
}

void Signals::watch() {
  Deadline until_another = Deadline::never();
  for (;;) {
    std::array<pollfd, 2> fds = {pollfd{fd_.get(), POLLIN, 0}, pollfd{end_.fd(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    if (info.ssi_signo == SIGTSTP) {
      if (!ui::echo_is_silent()) sleep_until_continued();  // as for ^Z, which is no signal then
    } else if (!stop_.stop_requested()) {
      until_another = Deadline::in(same_wish);
      stop_.request_stop();
    } else if (info.ssi_signo != SIGHUP && until_another.passed()) {  // a terminal that is closed says HUP twice
      stop_at_once();
    }
  }
}

}  // namespace kirikae::cmd
