// Programs and processes of this machine, for fixtures and for what tests check.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::test {

struct ProgramEnd {
  int status = 0;      // exit status, or 128 + n
  std::string output;  // standard output
};
// Looked up in PATH; standard input is empty, standard error is the test's.
ProgramEnd run_program(const std::vector<std::string>& argv);

[[nodiscard]] bool installed(const std::string& program);  // in PATH or in an sbin folder

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
};
std::vector<ProcessInfo> all_processes();
std::vector<pid_t> with_descendants(pid_t pid);               // itself first
std::string process_name(pid_t pid);                           // empty: it is gone
bool has_environment(pid_t pid, std::string_view assignment);  // started with NAME=VALUE
bool has_pending(pid_t pid, int signal);                       // sent to it, and not yet taken
std::vector<pid_t> processes_with(std::string_view argument);  // whose command line contains it

// Asks every few milliseconds until `condition` holds; false where it doesn't within `patience`.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace kirikae::test
