// A child process at a terminal of its own, with the test at the keyboard.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/deadline.h"
#include "core/fd.h"

namespace kirikae::golden {

class Pty {
 public:
  // `body` runs in the child, with the terminal as its standard streams; it returns the exit status.
  explicit Pty(const std::function<int()>& body) : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (!master_.valid() || ::grantpt(master_.get()) != 0 || ::unlockpt(master_.get()) != 0)
      throw std::runtime_error("no terminal to be had");
    const winsize size{24, 80, 0, 0};
    slave_ = Fd(::open(::ptsname(master_.get()),
                       O_RDWR | O_NOCTTY | O_CLOEXEC));  // ours keeps the settings readable after the child's end
    ::ioctl(slave_.get(), TIOCSWINSZ, &size);
    std::fflush(nullptr);  // or the child says at its end what the test has not said yet
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setsid();
    for (const int each : {SIGINT, SIGHUP}) ::signal(each, SIG_DFL);  // whoever runs the tests in the background ignores some
    ::ioctl(slave_.get(), TIOCSCTTY, 0);
    for (const int fd : {0, 1, 2}) ::dup2(slave_.get(), fd);
    ::_exit(body());
  }
  static Pty of_program(std::vector<std::string> argv, const std::string& folder,
                        const std::map<std::string, std::string>& environment) {
    return Pty([&] {
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      std::vector<char*> pointers;
      for (auto& argument : argv) pointers.push_back(argument.data());
      pointers.push_back(nullptr);
      if (::chdir(folder.c_str()) == 0) ::execv(pointers[0], pointers.data());
      return 127;
    });
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  Pty(Pty&&) = delete;
  Pty& operator=(Pty&&) = delete;
  ~Pty() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  void type(const std::string& keys) const {
    if (::write(master_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
      throw std::runtime_error("the terminal takes no keys");
  }
  // Reads until the screen has said it. False: not within `patience`.
  bool says(const std::string& text, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const auto deadline = Deadline::in(patience);
    while (output_.find(text) == std::string::npos) {
      if (deadline.passed()) return false;
      read_some(50);
    }
    return true;
  }
  // Waits for the child's end; its exit status, or -1 where it doesn't end within ten seconds.
  int end() {
    const auto deadline = Deadline::in(std::chrono::seconds(10));
    int raw = 0;
    while (::waitpid(pid_, &raw, WNOHANG) == 0) {
      if (deadline.passed()) return -1;
      read_some(20);
    }
    pid_ = -1;
    while (read_some(0)) continue;
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  }
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] bool echoes() const {
    termios settings{};
    return ::tcgetattr(slave_.get(), &settings) == 0 && (settings.c_lflag & ECHO) != 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  bool read_some(int milliseconds) {
    pollfd ready{master_.get(), POLLIN, 0};
    if (::poll(&ready, 1, milliseconds) <= 0) return false;
    char buffer[4096];
    const ssize_t got = ::read(master_.get(), buffer, sizeof buffer);
    if (got > 0) output_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }

  Fd master_, slave_;
  pid_t pid_ = -1;
  std::string output_;
};

}  // namespace kirikae::golden
