#include "host/control.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "core/deadline.h"
#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sshd_fixture.h"
#include "support/thorough.h"

namespace kirikae::test {

namespace {

constexpr uid_t nobody = 65534;
const gid_t second_group = Disk::second_group;

// lchown only where we may: an ordinary user's files are its own.
void give_away(const std::string& path) {
  if (geteuid() == 0 && lchown(path.c_str(), nobody, nobody) != 0) throw std::runtime_error("can't give away " + path);
}

std::string program_in_path(const std::string& name) {
  for (const auto* folder : {"/bin/", "/usr/bin/", "/usr/local/bin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return {};
}

void add_if_installed(std::vector<Shell>& list, const std::string& name) {
  const auto program = program_in_path(name);
  if (!program.empty()) list.push_back({name, program, "/usr/local/bin:/usr/bin:/bin"});
}

// A folder with every applet of busybox under its own name; it stays until the test program ends.
Shell busybox_shell(const std::string& busybox) {
  static const TempDir folder;
  open_to_all(folder);
  std::istringstream applets(run_program({busybox, "--list"}).output);
  std::error_code error;
  for (std::string applet; std::getline(applets, applet);) fs::create_symlink(busybox, folder.path() / applet, error);  // it may be there already
  return {"busybox", folder / "sh", folder.path().string()};
}

// As what it takes itself for when it is called so.
void add_zsh(std::vector<Shell>& list) {
  const auto program = program_in_path("zsh");
  static const TempDir folder;
  if (program.empty()) return;
  open_to_all(folder);
  std::error_code error;
  fs::create_symlink(program, folder.path() / "sh", error);  // it may be there already
  list.push_back({"zsh", folder / "sh", "/usr/local/bin:/usr/bin:/bin"});
}

std::vector<Shell> installed_shells() {
  std::vector<Shell> list;
  for (const auto* name : {"dash", "bash", "ksh", "mksh"}) add_if_installed(list, name);
  const auto busybox = program_in_path("busybox");
  if (!busybox.empty()) list.push_back(busybox_shell(busybox));
  if (list.size() < 2) throw std::runtime_error("the tests of the host scripts need dash, bash, busybox and ksh");
  return list;
}

std::vector<Shell> chosen(const std::vector<Shell>& all) {
  if (is_thorough()) return all;
  return {all[std::hash<std::string>()(std::string(Catch::getResultCapture().getCurrentTestName())) % all.size()]};
}

struct Pipe {
  Fd read, write;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
};

}  // namespace

void open_to_all(const TempDir& folder) {
  fs::permissions(folder.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec | fs::perms::others_read);
}

std::string with_shell(std::string text, const Shell& shell) {
  constexpr std::string_view usual = "/bin/sh";
  for (auto at = text.find(usual); at != std::string::npos; at = text.find(usual, at + shell.program.size())) text.replace(at, usual.size(), shell.program);
  return text;
}

void run_there(const Shell& shell, const Disk& disk, const std::string& line, const ReplacedFiles& replaced) {
  for (int fd = 3; fd < 256; ++fd) close(fd);
  if (!replaced.empty() && !replace_files(replaced)) _exit(125);
  if (geteuid() == 0 && (setgroups(1, &second_group) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0)) _exit(126);
  clearenv();
  setenv("PATH", shell.path.c_str(), 1);
  setenv("HOME", disk.temporary().c_str(), 1);
  setenv("TMPDIR", disk.temporary().c_str(), 1);
  umask(022);
  if (chdir("/") == 0) execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
  _exit(127);
}

std::ostream& operator<<(std::ostream& stream, const Shell& shell) { return stream << shell.name; }

std::ostream& operator<<(std::ostream& stream, const Ended& ended) {
  return stream << "status " << ended.status << "\nout: " << ended.out << "\nerr: " << ended.err;
}

std::vector<Shell> shells() { return chosen(installed_shells()); }

std::vector<Shell> shells_and(const std::string& name) {
  auto all = shells();
  add_if_installed(all, name);
  return all;
}

std::vector<Shell> all_shells() {
  auto all = installed_shells();
  add_if_installed(all, "posh");
  add_zsh(all);
  return chosen(all);
}

Shell busybox_without(const std::set<std::string>& applets, const TempDir& folder) {
  open_to_all(folder);
  for (const auto& applet : fs::directory_iterator(busybox_shell(program_in_path("busybox")).path)) {
    const auto name = applet.path().filename().string();
    if (!applets.contains(name)) fs::create_symlink(fs::read_symlink(applet.path()), folder.path() / name);
  }
  return {"busybox", folder / "sh", folder.path().string()};
}

Disk::Disk(const std::string& deploy_to) : layout_(folder_ / deploy_to) {
  give_away(folder_.path().string());
  make_folder("tmp", 0700);
}

std::string Disk::path(std::string_view below_deploy_to) const {
  return layout_.root() + "/" + std::string(below_deploy_to);
}

void Disk::make_folder(std::string_view below, mode_t mode) const {
  fs::path made = folder_.path();
  for (const auto& part : fs::path(below)) {
    made /= part;
    if (mkdir(made.c_str(), 0755) == 0) give_away(made.string());
  }
  chmod(made.c_str(), mode);
}

void Disk::write(std::string_view below, std::string_view content, mode_t mode) const {
  make_folder(fs::path(below).parent_path().string());
  give_away(folder_.write(below, content, mode));
}

void Disk::make_link(const std::string& target, std::string_view below) const {
  make_folder(fs::path(below).parent_path().string());
  fs::create_symlink(target, folder_.path() / below);
  give_away(folder_ / below);
}

std::string Disk::read(std::string_view below_deploy_to) const {
  std::ifstream file(path(below_deploy_to), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Disk::link(std::string_view below_deploy_to) const {
  std::error_code error;
  return fs::read_symlink(path(below_deploy_to), error).string();
}

bool Disk::exists(std::string_view below_deploy_to) const {
  std::error_code error;
  return fs::exists(fs::symlink_status(path(below_deploy_to), error));
}

std::string Disk::state(std::string_view id) const {
  std::istringstream record(read(".kirikae/releases/" + std::string(id)));
  for (std::string line; std::getline(record, line);) {
    if (line.rfind("state ", 0) == 0) return line.substr(6);
  }
  return {};
}

std::vector<std::string> Disk::list(std::string_view below) const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path(below), error))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

mode_t Disk::mode(std::string_view below_deploy_to) const {
  struct stat status{};
  if (lstat(path(below_deploy_to).c_str(), &status) != 0) return 0;
  return status.st_mode & 07777;
}

Control::Control(const Shell& shell, const Disk& disk, const std::string& mode, const std::string& noise,
                 const ReplacedFiles& replaced_files)
    : nonce_(random_hex(16)) {
  signal(SIGPIPE, SIG_IGN);
  Pipe in, out, err;
  const auto line = noise + "\n" + with_shell(host::start_line(), shell);
  pid_ = fork();
  if (pid_ == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(in.read.get(), 0);
    dup2(out.write.get(), 1);
    dup2(err.write.get(), 2);
    run_there(shell, disk, line, replaced_files);
  }
  in.read.reset();
  out.write.reset();
  err.write.reset();
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  error_ = std::move(err.read);
  const auto script = with_shell(std::string(mode == "control" ? host::control_script() : host::data_script()), shell);
  const auto mode_line = mode + " " + nonce_ + "\n";
  say(host::packed(script) + mode_line);
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  bool plain = false;
  const auto said_hello = [this] { return out_.find(frame("hello 1")) != std::string::npos && err_.find(frame("hello 1")) != std::string::npos; };
  while (!said_hello() && !deadline.passed() && read_some(deadline.poll_milliseconds())) {
    if (plain || out_.find(host::plain_wanted) == std::string::npos) continue;
    plain = true;
    say(host::plain(script) + mode_line);
  }
  if (!said_hello())
    throw std::runtime_error(shell.name + " says no hello: " + out_ + err_);
}

Control::~Control() {
  input_.reset();
  if (pid_ > 0 && wait() < 0) kill(pid_, SIGKILL);
}

void Control::say(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto written = write(input_.get(), bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Control::hang_up() const { kill(pid_, SIGHUP); }

bool Control::read_some(int milliseconds) {
  pollfd fds[2] = {{output_.get(), POLLIN, 0}, {error_.get(), POLLIN, 0}};
  if (poll(fds, 2, milliseconds) <= 0) return false;
  bool open = false;
  for (int i = 0; i < 2; ++i) {
    if (fds[i].revents == 0) continue;
    char buffer[65536];
    const auto size = read(fds[i].fd, buffer, sizeof buffer);
    if (size > 0) {
      (i == 0 ? out_ : err_).append(buffer, static_cast<std::size_t>(size));
      open = true;
    } else {
      (i == 0 ? output_ : error_).reset();
      open = open || output_.valid() || error_.valid();
    }
  }
  return open;
}

bool Control::wait_for(std::string_view words, std::chrono::seconds patience) {
  return wait_for_output(frame(words), patience);
}

bool Control::wait_for_output(std::string_view text, std::chrono::seconds patience) {
  const auto deadline = Deadline::in(patience);
  while (out_.find(text) == std::string::npos) {
    if (deadline.passed() || !output_.valid()) return false;
    read_some(deadline.poll_milliseconds());
  }
  return true;
}

bool Control::wait_for_error(std::string_view text, std::chrono::seconds patience) {
  const auto deadline = Deadline::in(patience);
  while (err_.find(text) == std::string::npos) {
    if (deadline.passed() || !error_.valid()) return false;
    read_some(deadline.poll_milliseconds());
  }
  return true;
}

// But for what a page may lack.
bool Control::wait_until_full() const {
  return eventually([this] {
    int bytes = 0;
    return ioctl(output_.get(), FIONREAD, &bytes) == 0 && bytes > fcntl(output_.get(), F_GETPIPE_SZ) - getpagesize();
  });
}

void Control::begin(int id, std::string_view text, bool ours) {
  std::string step(text);
  if (step.empty() || step.back() != '\n') step += '\n';
  id_ = id;
  out_.clear();
  err_.clear();
  say((ours ? "call " : "step ") + std::to_string(id) + " " + std::to_string(std::count(step.begin(), step.end(), '\n')) + "\n" + step);
  wait_for("begin " + std::to_string(id));
}

void Control::begin(int id, const host::Command& command) {
  if (!command.input.empty()) say("feed " + std::to_string(std::ranges::count(command.input, '\n')) + "\n" + command.input);
  begin(id, command.text, command.ours);
}

Ended Control::run(const host::Command& command) {
  const int id = id_ + 1;
  begin(id, command);
  return end(id);
}

Ended Control::end(int id, std::chrono::seconds patience) {
  const auto begun = frame("begin " + std::to_string(id));
  const auto trailer = "\n" + nonce_ + " end " + std::to_string(id);
  const auto deadline = Deadline::in(patience);
  Ended ended;
  while (true) {
    const auto at = out_.find(trailer + " ");
    const auto newline = at == std::string::npos ? at : out_.find('\n', at + 1);
    const auto error_at = err_.find(trailer + "\n");
    if (newline != std::string::npos && error_at != std::string::npos) {
      const auto from = out_.find(begun);
      if (from == std::string::npos) return ended;
      ended.status = std::stoi(out_.substr(at + trailer.size()));
      ended.out = out_.substr(from + begun.size(), at - from - begun.size());
      ended.err = err_.substr(0, error_at);
      return ended;
    }
    if (deadline.passed() || (!output_.valid() && !error_.valid())) {
      ended.out = out_;
      ended.err = err_;
      return ended;
    }
    read_some(deadline.poll_milliseconds());
  }
}

Ended Control::run(std::string_view text, bool ours) {
  const int id = id_ + 1;
  begin(id, text, ours);
  return end(id);
}

Ended Control::run(const std::vector<host::Command>& commands) {
  std::string text;
  bool ours = true;
  for (const auto& command : commands) {
    text += command.text;
    ours = ours && command.ours;
  }
  return run(text, ours);
}

int Control::wait() {
  int status = 0;
  const bool ended = eventually([&] {
    read_some(0);
    return waitpid(pid_, &status, WNOHANG) == pid_;
  });
  if (!ended) return -1;
  pid_ = -1;
  while (output_.valid() && read_some(0)) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Ended send(const Shell& shell, const Disk& disk, const host::Command& command, std::string_view payload) {
  Control channel(shell, disk, "data");
  channel.begin(1, command.text);
  channel.say(payload);
  channel.close_input();
  return channel.end(1);
}

bool is_running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  const auto at = text.rfind(") ");
  return at != std::string::npos && text[at + 2] != 'Z' && text[at + 2] != 'X';
}

}  // namespace kirikae::test
