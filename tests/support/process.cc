#include "support/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "support/file_text.h"

namespace kirikae::test {
namespace {

std::string proc_text(pid_t pid, const char* what) {
  return file_text("/proc/" + std::to_string(pid) + "/" + what);
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& argv) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("can't make a pipe");
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("can't fork");
  if (pid == 0) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(ends[1], 1);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  ProgramEnd end;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    end.output.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

bool installed(const std::string& program) {
  const char* set = std::getenv("PATH");
  const std::string path = std::string(set != nullptr ? set : "") + ":/usr/sbin:/sbin:/usr/bin:/bin";
  for (std::size_t from = 0; from <= path.size();) {
    const auto to = std::min(path.find(':', from), path.size());
    if (to > from && ::access((path.substr(from, to - from) + "/" + program).c_str(), X_OK) == 0) return true;
    from = to + 1;
  }
  return false;
}

std::vector<ProcessInfo> all_processes() {
  std::vector<ProcessInfo> found;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder)) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    const std::string stat = proc_text(pid, "stat");  // PID (NAME) STATE PARENT ...; the name may hold anything
    const auto end = stat.rfind(')');
    if (end == std::string::npos || end + 4 > stat.size()) continue;
    found.push_back({pid, static_cast<pid_t>(std::strtol(stat.c_str() + end + 4, nullptr, 10))});
  }
  ::closedir(folder);
  return found;
}

std::vector<pid_t> with_descendants(pid_t pid) {
  std::vector<pid_t> found{pid};
  const auto processes = all_processes();
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& process : processes) {
      if (process.parent == found[i]) found.push_back(process.pid);
    }
  }
  return found;
}

std::string process_name(pid_t pid) {
  std::string name = proc_text(pid, "comm");
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

bool has_environment(pid_t pid, std::string_view assignment) {
  const std::string all = '\0' + proc_text(pid, "environ");
  return all.find('\0' + std::string(assignment) + '\0') != std::string::npos;
}

bool has_pending(pid_t pid, int signal) {
  const std::string status = proc_text(pid, "status");
  constexpr std::string_view key = "ShdPnd:\t";
  const auto at = status.find(key);
  return at != std::string::npos && (std::stoull(status.substr(at + key.size()), nullptr, 16) >> (signal - 1) & 1) != 0;
}

std::vector<pid_t> processes_with(std::string_view argument) {
  std::vector<pid_t> found;
  for (const auto& process : all_processes()) {
    if (proc_text(process.pid, "cmdline").find(argument) != std::string::npos) found.push_back(process.pid);
  }
  return found;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace kirikae::test
