// host_shim FOLDER PROGRAM [ARGUMENT...]: runs PROGRAM, a host's login shell, and stands between it and sshd as a byte relay that
// understands enough of the control shell protocol (docs/design.md) to count steps, and to break something at the k-th one.
//
//   FOLDER/operations   a line for each step that came to this host over any channel, appended: the host functions that it calls
//   FOLDER/fault        `KIND K`: what happens at the K-th of them, once; FOLDER/fired says that it has
//   FOLDER/client       the process id of the program under test, for the kinds that signal it
//
// fail            the step is not run and ends with status 1
// killed          the step does its work, then its shell is killed
// hang            the step is not run and never ends;  hang-after: it does its work and never ends
// cut             sshd's processes of this connection die before the step has come;  cut-after: when it has been done
// silent          sshd's processes of this connection are stopped before the step has come;  silent-after: when it has been done
// slay            every process that belongs to this connection is killed at once, while the step is at work
// mute            the step does its work, then the shell that would say so is killed; sshd lives
// client-SIGNAL   the client gets that signal before the step has come;  client-SIGNAL-after: when it has been done
//
// What comes as one step may be a row of them, and each may call several host functions. Of these kinds, K counts the functions on
// all lines of FOLDER/operations, but for the guard in front of each:
//
// inner-fail      the step ends with status 1 before it calls that function
// inner-killed    the shell that runs the step is killed when the function has returned
// inner-cut       sshd's processes of this connection die before the function is called
//
// What isn't understood is passed on as it is.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "step_text.h"

namespace {

using namespace kirikae::test;

std::string folder;
pid_t child = -1;
int to_child = -1, from_child = -1;

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The processes of sshd above this one, but for the listener.
std::vector<pid_t> servers() {
  std::vector<pid_t> found;
  for (pid_t pid = ::getppid(); pid > 1;) {
    const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
    const auto end = stat.rfind(')');
    if (end == std::string::npos) break;
    if (stat.find("(sshd") != std::string::npos) found.push_back(pid);
    pid = static_cast<pid_t>(std::strtol(stat.c_str() + end + 4, nullptr, 10));
  }
  if (!found.empty()) found.pop_back();
  return found;
}

void signal_servers(int signal) {
  for (const pid_t pid : servers()) ::kill(pid, signal);
}

// Each process and its parent.
std::vector<std::pair<pid_t, pid_t>> processes() {
  std::vector<std::pair<pid_t, pid_t>> known;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
    if (pid <= 1) continue;
    const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
    const auto end = stat.rfind(')');
    if (end != std::string::npos) known.emplace_back(pid, std::strtol(stat.c_str() + end + 4, nullptr, 10));
  }
  return known;
}

std::mutex slaying;  // the end of the shim's child must not end the shim before all are dead

bool is_shim(pid_t pid) {
  std::error_code failed;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", failed) ==
         std::filesystem::read_symlink("/proc/self/exe", failed);
}

// The connection's servers, and everything below them: this channel and the others, too. All are stopped first, until there are no new
// ones: of what is killed while it forks, the child would live on, and do the step's work at whatever time. Shims end with their
// children, and take note of their deaths.
void slay() {
  const std::scoped_lock lock(slaying);
  std::vector<pid_t> all = servers();
  const auto signal_all = [&](std::size_t from, int signal) {
    for (std::size_t i = from; i < all.size(); ++i) {
      if (!is_shim(all[i])) ::kill(all[i], signal);
    }
  };
  signal_all(0, SIGSTOP);
  for (std::size_t before = 0; before != all.size();) {
    before = all.size();
    const auto known = processes();
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const auto& [pid, parent] : known) {
        if (parent != all[i] || std::find(all.begin(), all.end(), pid) != all.end()) continue;
        all.push_back(pid);
      }
    }
    signal_all(before, SIGSTOP);
  }
  signal_all(0, SIGKILL);
}

void signal_client(const std::string& name) {
  const std::map<std::string, int> signals = {
      {"kill", SIGKILL}, {"int", SIGINT}, {"term", SIGTERM}, {"stop", SIGSTOP}, {"int-twice", SIGINT}};
  long pid = 0;  // the test writes it when the client has been started
  for (int i = 0; i < 2000 && pid == 0; ++i) {
    pid = std::strtol(text_of(folder + "/client").c_str(), nullptr, 10);
    if (pid == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (pid <= 1) return;
  ::kill(static_cast<pid_t>(pid), signals.at(name));
  if (name != "int-twice") return;
  // One that comes too soon counts as the first, so again until one has ended the client.
  pollfd ended{static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)), POLLIN, 0};
  for (int i = 0; i < 200 && ::poll(&ended, 1, 50) == 0; ++i) ::kill(static_cast<pid_t>(pid), SIGINT);
  ::close(ended.fd);
}

// Counts a step.
Fault count_step(const std::string& functions) {
  const int fd = ::open((folder + "/operations").c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  ::flock(fd, LOCK_EX);
  const long called_before = calls_in(text_of(folder + "/operations"));
  write_all(fd, functions + "\n");
  const std::string all = text_of(folder + "/operations");
  const long count = std::count(all.begin(), all.end(), '\n');
  std::istringstream wish(text_of(folder + "/fault"));
  std::string kind;
  long at = 0;
  bool due = false;
  if (wish >> kind >> at) {
    const bool is_inner = kind.starts_with("inner-");
    if (is_inner) at -= called_before;
    due = is_inner ? at >= 1 && at <= calls_in(functions) : at == count;
  }
  if (due) std::ofstream(folder + "/fired") << functions << "\n";
  ::close(fd);
  return due ? Fault{kind, at} : Fault{};
}

// Bytes from the client, line by line or as they come.
class Client {
 public:
  // False: the client is gone. With its newline; the last line may lack it.
  bool line(std::string& line) {
    line.clear();
    for (;;) {
      const auto end = buffer_.find('\n');
      if (end != std::string::npos) {
        line = buffer_.substr(0, end + 1);
        buffer_.erase(0, end + 1);
        return true;
      }
      if (!more()) {
        line = std::move(buffer_);
        buffer_.clear();
        return !line.empty();
      }
    }
  }
  bool bytes(std::size_t size, std::string& bytes) {
    while (buffer_.size() < size) {
      if (!more()) return false;
    }
    bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }
  void pass_on() {
    do {
      write_all(to_child, buffer_);
      buffer_.clear();
    } while (more());
  }

 private:
  bool more() {
    char piece[65536];
    const ssize_t n = ::read(STDIN_FILENO, piece, sizeof piece);
    if (n <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(n));
    return true;
  }
  std::string buffer_;
};

// What the other thread does when a step's end frame comes by.
struct Watch {
  std::mutex mutex;
  std::string marker;  // empty: nothing is watched for
  std::string kind;
} watch;

void watch_for(const std::string& nonce, const std::string& id, const std::string& kind) {
  const std::scoped_lock lock(watch.mutex);
  watch.marker = "\n" + nonce + " end " + id + " ";
  watch.kind = kind;
}

std::string without_after(const std::string& kind) {
  return kind.ends_with("-after") ? kind.substr(0, kind.size() - 6) : kind;
}

void act(const std::string& kind) {
  if (kind == "cut") {
    signal_servers(SIGKILL);
  } else if (kind == "silent") {
    signal_servers(SIGSTOP);
  } else if (kind == "mute") {
    ::kill(child, SIGKILL);
  } else if (kind.starts_with("client-")) {
    signal_client(kind.substr(7));
  }
}

void pass_step(Client& client, const std::string& header, const std::string& nonce) {
  std::istringstream words(header);
  std::string word, id, line, text, functions;
  std::size_t lines = 0;
  StepLines step;
  words >> word >> id >> lines;
  for (std::size_t i = 0; i < lines; ++i) {
    if (!client.line(line)) return;
    text += line;
    const std::string function = step.called_by(line);
    if (!function.empty()) functions += (functions.empty() ? "" : " ") + function;
  }
  const Fault fault = count_step(functions);
  const std::string& kind = fault.kind;
  if (kind.ends_with("-after") || kind == "mute") {
    watch_for(nonce, id, without_after(kind));
  } else {
    act(kind);
    if (kind == "cut" || kind == "silent") return;  // it is lost on the way
  }
  text = changed(text, fault, servers());
  lines = 0;
  for (const char c : text) lines += c == '\n';
  write_all(to_child, word + " " + id + " " + std::to_string(lines) + "\n" + text);
  if (kind != "slay") return;
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  slay();
}

void up() {
  Client client;
  std::string line, script, mode;
  const auto follow = [&] {
    if (!client.line(line)) return;
    write_all(to_child, line);
    const auto size = std::strtoul(line.c_str(), nullptr, 10);
    if (size == 0) return client.pass_on();
    if (!client.bytes(size, script)) return;
    write_all(to_child, script);
    if (!client.line(mode)) return;
    write_all(to_child, mode);
    const auto blank = mode.find(' ');
    if (blank == std::string::npos) return client.pass_on();
    const std::string nonce = mode.substr(blank + 1, mode.size() - blank - 2);
    while (client.line(line)) {
      if (line.starts_with("step ") || line.starts_with("call ")) {
        pass_step(client, line, nonce);
        if (mode.starts_with("data ")) return client.pass_on();
        continue;
      }
      write_all(to_child, line);
      if (!line.starts_with("hold ")) continue;
      for (auto n = std::strtoul(line.c_str() + 5, nullptr, 10); n > 0 && client.line(line); --n) write_all(to_child, line);
    }
  };
  follow();
  ::close(to_child);
}

void down() {
  char piece[65536];
  std::string held;  // may be the beginning of what is watched for
  for (;;) {
    const ssize_t n = ::read(from_child, piece, sizeof piece);
    if (n <= 0) break;
    held.append(piece, static_cast<std::size_t>(n));
    std::string due;
    std::size_t keep = 0;
    {
      const std::scoped_lock lock(watch.mutex);
      if (!watch.marker.empty()) {
        if (held.find(watch.marker) != std::string::npos) {
          due = watch.kind;
          watch.marker.clear();
        } else {
          keep = std::min(held.size(), watch.marker.size() - 1);
        }
      }
    }
    if (!due.empty()) {
      act(due);
      if (due == "cut" || due == "mute") {  // and the frame is lost
        ::close(from_child);
        return;
      }
    }
    write_all(STDOUT_FILENO, std::string_view(held).substr(0, held.size() - keep));
    held.erase(0, held.size() - keep);
  }
  write_all(STDOUT_FILENO, held);
  ::close(from_child);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  folder = argv[1];
  int in[2], out[2];
  if (::pipe(in) != 0 || ::pipe(out) != 0) return 2;
  child = ::fork();
  if (child < 0) return 2;
  if (child == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
    ::execvp(argv[2], argv + 2);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_child = in[1];
  from_child = out[0];
  std::signal(SIGPIPE, SIG_IGN);
  std::thread(up).detach();
  std::atomic<bool> drained = false;
  std::thread([&] {
    down();
    drained = true;
  }).detach();
  int status = 0;
  ::waitpid(child, &status, 0);
  for (int i = 0; i < 200 && !drained; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::scoped_lock lock(slaying);
  if (WIFSIGNALED(status)) {
    std::signal(WTERMSIG(status), SIG_DFL);
    ::kill(::getpid(), WTERMSIG(status));
  }
  ::_exit(WEXITSTATUS(status));
}
