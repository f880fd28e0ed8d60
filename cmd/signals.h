// Signals: turns SIGINT, SIGTERM and SIGHUP into a stop request. The first asks; another SIGINT or SIGTERM, 200 ms later or more, ends the
// program on the spot. SIGTSTP (^Z) stops it with the terminal as it was found. Those that were ignored at its start stay ignored.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "core/fd.h"
#include "core/waker.h"

namespace kirikae::cmd {

class Signals {
 public:
  // Before any other thread is started: they inherit what is blocked. SIGPIPE is ignored from here on.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  Signals(Signals&&) = delete;
  Signals& operator=(Signals&&) = delete;

  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

  // Before another program takes this one's place: it starts with the signals as a shell would have started it.
  static void give_back();

 private:
  void watch();
  static void sleep_until_continued();
  [[noreturn]] static void stop_at_once();

  std::stop_source stop_;
  Fd fd_;
  Waker end_;
  std::jthread thread_;
};

// Whoever draws on the terminal, for as long as it does. One per process: there is one terminal.
class Drawer {
 public:
  // On the thread that hears signals. `let_go`: before ^Z stops the program; what was drawn is gone from the screen.
  // `take_back`: it goes on. `freeze`: the program ends at once; nothing is drawn any more.
  Drawer(std::function<void()> let_go, std::function<void()> take_back, std::function<void()> freeze);
  ~Drawer();  // waits for a call under way
  Drawer(const Drawer&) = delete;
  Drawer& operator=(const Drawer&) = delete;
  Drawer(Drawer&&) = delete;
  Drawer& operator=(Drawer&&) = delete;

 private:
  friend class Signals;
  std::function<void()> let_go_, take_back_, freeze_;
};

}  // namespace kirikae::cmd
