// Runs a program of this machine: local tasks, and git.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/deadline.h"
#include "core/error.h"

namespace kirikae {

struct SubprocessCall {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH
  std::string folder;                              // working directory; empty: ours
  std::map<std::string, std::string> environment;  // added to ours
  std::vector<std::string> left_out{};             // variables of ours that it doesn't get
  std::string input;                               // its standard input, whole
  Deadline deadline = Deadline::never();
  std::stop_token stop;
  bool guarded = false;  // its process group is killed where this program ends first, however that comes about
  std::function<void(bool is_error, std::string_view bytes)> on_output;  // raw pieces of both streams
};

struct SubprocessEnd {
  int status = 0;  // exit status, or 128 + n
  int signal = 0;  // 0: it ended by itself
};

// The call shall run `text` under `/bin/sh -e`. The text comes by the environment, so that it stands in no argv and the command has an
// empty standard input.
void run_in_shell(SubprocessCall& call, std::string text);

// Waits for the end; at the deadline or a stop, the program's process group gets TERM, and KILL two seconds later.
// Errors: local (can't be started), timeout, cancelled.
Result<SubprocessEnd> run_subprocess(const SubprocessCall& call);

}  // namespace kirikae
