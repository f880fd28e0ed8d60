// The text of a step, for host_shim: which host functions it calls, and what it becomes by a fault. Pure.
#pragma once

#include <sys/types.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::test {

// The fault that is due at a step.
struct Fault {
  std::string kind;  // empty: none
  long call = 0;     // inner-…: at which of the functions that the step calls, from 1, but for guards
};

constexpr std::string_view guard = "kk_guard";
const std::string hang = "tail -f /dev/null\n";  // never ends by itself

// The lines of a step, one after the other.
class StepLines {
 public:
  // The host function that the next line calls, or empty. Assignments, of which `kk_paths` makes some, and definitions call none.
  std::string called_by(std::string line) {
    if (line.ends_with('\n')) line.pop_back();
    const auto name = line.substr(0, line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
    const auto rest = line.substr(name.size());
    const bool is_ours = name.starts_with("kk_");
    if (depth_ > 0 || (is_ours && rest == "() {")) {
      // Without blanks in front, as scripts are embedded.
      if (line.starts_with('}')) --depth_;
      if (line.ends_with('{')) ++depth_;
      return {};
    }
    return is_ours && name != "kk_paths" && !rest.starts_with('=') && !rest.starts_with('(') ? name : std::string();
  }

 private:
  int depth_ = 0;  // of the braces of a definition
};

// How many host functions the words name, but for guards.
inline long calls_in(const std::string& words) {
  std::istringstream in(words);
  long count = 0;
  for (std::string word; in >> word;) count += word != guard;
  return count;
}

inline std::string failure() { return "echo 'injected: this step has failed' >&2\nexit 1\n"; }

// With a fault around one of the functions that are called. `servers`: the processes that inner-cut ends.
inline std::string changed_within(const std::string& text, const Fault& fault, const std::vector<pid_t>& servers) {
  // Not $$, which is the worker where it runs the text in a subshell.
  constexpr std::string_view suicide = "/bin/sh -c 'kill -KILL $PPID'\n:\n";
  std::istringstream in(text);
  std::string all;
  long calls = 0;
  bool is_behind = false;
  StepLines lines;
  for (std::string line; std::getline(in, line);) {
    if (is_behind && line != ")") {  // a task's subshell becomes the task
      all += suicide;
      is_behind = false;
    }
    const std::string function = lines.called_by(line);
    if (!function.empty() && function != guard && ++calls == fault.call) {
      if (fault.kind == "inner-fail") all += failure();
      if (fault.kind == "inner-cut") {
        all += "kill -KILL";
        for (const pid_t pid : servers) all += ' ' + std::to_string(pid);
        all += std::string("\n") + hang;
      }
      is_behind = fault.kind == "inner-killed";
    }
    all += line + "\n";
  }
  if (is_behind) all += suicide;
  return all;
}

// What is not of the text is left to the shim.
inline std::string changed(const std::string& text, const Fault& fault, const std::vector<pid_t>& servers) {
  const std::string& kind = fault.kind;
  if (kind.starts_with("inner-")) return changed_within(text, fault, servers);
  if (kind == "fail") return failure();
  if (kind == "killed") return text + "kill -KILL $$\n";
  if (kind == "hang") {  // behind the look at the lock, where there is one: nothing of the step's own has happened before that
    const std::string line = std::string(guard) + "\n";
    const auto at = text.find(line);
    return (at == std::string::npos ? "" : text.substr(0, at + line.size())) + hang;
  }
  if (kind == "hang-after") return text + hang;
  return text;
}

}  // namespace kirikae::test
