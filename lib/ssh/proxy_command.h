// ProxyCommand: a program whose standard input and output are the connection to a host. Lives as long as the connection; any thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/fd.h"
#include "core/waker.h"
#include "ssh/child.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

struct ProxyConnection;

class ProxyCommand {
 public:
  // Runs `exec TEXT` in the user's shell (SHELL, else /bin/sh), as ssh does; tokens are expanded already. It has no terminal: a program
  // that asks a question there fails. Error: local (can't be started), with target.name as the host.
  static Result<ProxyConnection> start(const std::string& text, const Target& target);

  // HUP to the program and all it has started, as from ssh; TERM and then KILL where that is ignored, a second or so in all.
  ~ProxyCommand();
  ProxyCommand(const ProxyCommand&) = delete;
  ProxyCommand& operator=(const ProxyCommand&) = delete;

  // For Session::explain_end(): "the proxy command ended with exit status 1: it said 'no route to host'". Waits for the program's end,
  // which its sockets' end may precede, for half a second. Empty: it still runs, and is silent.
  [[nodiscard]] std::string why();
  [[nodiscard]] bool has_ended();

 private:
  ProxyCommand(Child child, Fd errors);
  void watch();
  void take_errors();
  void look_for_end();

  Child child_;
  Fd errors_;
  Waker stop_;

  std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  std::string said_;  // the end of what it has written to its stderr
  std::optional<std::string> end_;

  std::jthread thread_;  // last: it uses all the others
};

struct ProxyConnection {
  Fd socket;  // doesn't block
  std::shared_ptr<ProxyCommand> command;
};

}  // namespace kirikae::ssh
