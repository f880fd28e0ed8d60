#include "support/sshd_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "support/file_text.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

std::string sshd_program() {
  for (const char* path : {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  throw std::runtime_error("sshd is not installed (package openssh-server)");
}

// A port that is free on all of `addresses` now; another process may take it before sshd does, which the caller sees.
int free_port(const std::vector<std::string>& addresses) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    int port = 0;
    std::vector<int> held;
    bool free = true;
    for (const auto& address : addresses) {
      sockaddr_in6 name{};  // of either family: the port has the same place in both
      auto& four = reinterpret_cast<sockaddr_in&>(name);
      const bool is_six = address.find(':') != std::string::npos;
      name.sin6_family = is_six ? AF_INET6 : AF_INET;
      name.sin6_port = htons(static_cast<std::uint16_t>(port));
      ::inet_pton(name.sin6_family, address.c_str(), is_six ? static_cast<void*>(&name.sin6_addr) : &four.sin_addr);
      socklen_t size = is_six ? sizeof name : sizeof four;
      const int fd = ::socket(name.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      held.push_back(fd);
      if (::bind(fd, reinterpret_cast<sockaddr*>(&name), size) != 0) free = false;
      if (free && ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0) port = ntohs(name.sin6_port);
    }
    for (const int fd : held) ::close(fd);
    if (free) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace

std::string shadow_line(const std::string& user, const std::string& password, const std::string& age) {
  std::string hash = run_program({"openssl", "passwd", "-6", password}).output;
  hash.erase(hash.find_last_not_of('\n') + 1);
  return user + ":" + hash + ":" + age + "\n";
}

std::map<std::string, std::string> password_files(const TempDir& folder, const std::string& password, const std::string& pam,
                                                  const std::string& age) {
  const std::string shadow = folder.write("shadow", shadow_line(SshdFixture::user(), password, age), 0600);
  folder.write("pam.d/sshd", "auth required " + pam +
                                 "\naccount required pam_unix.so\npassword required pam_unix.so\nsession required pam_permit.so\n");
  return {{"/etc/shadow", shadow}, {"/etc/pam.d", folder / "pam.d"}};
}

std::string key_pair(const std::string& type, const std::string& name) {
  static const TempDir keys;
  const std::string file = keys / (type + "-" + name);
  if (::access(file.c_str(), F_OK) == 0) return file;
  std::vector<std::string> argv{"ssh-keygen", "-q", "-t", type, "-N", "", "-C", name, "-f", file};
  if (type == "rsa") argv.insert(argv.end(), {"-b", "2048"});  // the smallest that sshd takes: quick to make
  if (run_program(argv).status != 0) throw std::runtime_error("ssh-keygen can't make a key of type " + type);
  return file;
}

SshdFixture::SshdFixture(Options options) : options_(std::move(options)) {
  static int count = 0;
  marker_ = "KIRIKAE_SSHD=" + std::to_string(::getpid()) + "." + std::to_string(++count);
  if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);  // where sshd shuts itself in before authentication
  for (const auto& [name, content] : options_.home) folder_.write("home/" + name, content);
  ::mkdir(home().c_str(), 0700);
  folder_.write("authorized_keys", file_text(client_key() + ".pub"));
  if (!options_.login_shell.empty()) {
    folder_.write("login-shell", "#!/bin/sh\nexec " + options_.login_shell + " -c \"$SSH_ORIGINAL_COMMAND\"\n", 0755);
  }
  for (int attempt = 0; attempt < 20; ++attempt) {
    hosts_.clear();
    for (int i = 0; i < options_.ports; ++i) {
      const int port = free_port(options_.addresses);
      for (const auto& address : options_.addresses) hosts_.push_back({address, port});
    }
    if (listen_once()) {
      std::string lines;
      for (const auto& host : hosts_) lines += known_hosts_lines(host.address, host.port);
      folder_.write("known_hosts", lines);
      return;
    }
  }
  folder_.keep();
  throw std::runtime_error("sshd doesn't start: " + log());
}

SshdFixture::~SshdFixture() { stop(); }

std::string SshdFixture::user() {
  static const std::string name = [] {  // getpwuid is for one thread
    const passwd* entry = ::getpwuid(::geteuid());
    return std::string(entry != nullptr ? entry->pw_name : "root");
  }();
  return name;
}

std::string SshdFixture::client_key() { return key_pair("ed25519", "client"); }

std::string SshdFixture::log() const { return file_text(folder_ / "sshd.log"); }

std::string SshdFixture::known_hosts_lines(std::string_view name, int port) const {
  std::string lines;
  for (const auto& type : options_.host_keys) {
    const std::string line = file_text(key_pair(type, "host") + ".pub");
    const std::string host = port == 22 ? std::string(name) : "[" + std::string(name) + "]:" + std::to_string(port);
    lines += host + " " + line.substr(0, line.find(' ', line.find(' ') + 1)) + "\n";
  }
  return lines;
}

void SshdFixture::authorize(std::string_view public_key_line) const {
  std::string lines = folder_.read("authorized_keys");
  lines += public_key_line;
  if (!lines.ends_with('\n')) lines += '\n';
  folder_.write("authorized_keys", lines);
}

void SshdFixture::write_config() {
  std::string text;
  text += "MaxStartups 200:30:400\n";  // of this one the last wins
  for (const auto& line : options_.config) text += line + "\n";  // and of all others the first
  if (penalties_option_) text += "PerSourcePenalties no\n";
  for (const auto& type : options_.host_keys) text += "HostKey " + key_pair(type, "host") + "\n";
  for (const auto& host : hosts_) text += "ListenAddress [" + host.address + "]:" + std::to_string(host.port) + "\n";
  text += "UsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\nPrintMotd no\n";
  text += "PermitRootLogin yes\nMaxSessions 20\nLogLevel VERBOSE\n";
  text += "AuthorizedKeysFile " + (folder_ / "authorized_keys") + "\n";
  text += "SetEnv HOME=" + home() + " " + marker_;
  for (const auto& [name, value] : options_.environment) text += " " + name + "=" + value;
  text += "\n";
  if (!options_.login_shell.empty()) text += "ForceCommand " + (folder_ / "login-shell") + "\n";
  folder_.write("sshd_config", text);
}

bool SshdFixture::listen_once() {
  write_config();
  const std::string program = sshd_program();
  const std::string config = folder_ / "sshd_config";
  const std::string log_file = folder_ / "sshd.log";  // absolute, as `-E` wants it
  folder_.write("sshd.log", "");
  pid_ = fork_server(options_.replaced);
  if (pid_ == 0) {
    ::execl(program.c_str(), program.c_str(), "-D", "-f", config.c_str(), "-E", log_file.c_str(), nullptr);
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    const std::string said = log();
    std::size_t listening = 0;
    for (auto at = said.find("Server listening on"); at != std::string::npos;
         at = said.find("Server listening on", at + 1)) {
      ++listening;
    }
    if (listening == hosts_.size()) return true;
    // A port that somebody else took is logged while sshd goes on with the others.
    const bool taken = said.find("Bind to port") != std::string::npos;
    int status = 0;
    if (taken || ::waitpid(pid_, &status, WNOHANG) == pid_) {
      if (taken) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, &status, 0);
      }
      pid_ = -1;
      if (said.find("PerSourcePenalties") != std::string::npos) penalties_option_ = false;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop();
  return false;
}

void SshdFixture::start() {
  if (pid_ > 0) return;
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (listen_once()) return;
  }
  throw std::runtime_error("sshd doesn't start again: " + log());
}

std::vector<pid_t> SshdFixture::descendants() const {
  std::vector<pid_t> found;
  if (pid_ > 0) found = with_descendants(pid_);
  for (const auto& process : all_processes()) {  // what sessions started and left behind
    if (std::find(found.begin(), found.end(), process.pid) == found.end() && has_environment(process.pid, marker_)) {
      found.push_back(process.pid);
    }
  }
  return found;
}

std::vector<pid_t> SshdFixture::server_processes(bool listener) const {
  std::vector<pid_t> servers;
  for (const pid_t pid : descendants()) {
    if (pid == pid_ ? listener : process_name(pid).starts_with("sshd")) servers.push_back(pid);
  }
  return servers;
}

std::vector<pid_t> SshdFixture::session_processes() const {
  auto found = descendants();
  std::erase_if(found, [&](pid_t pid) { return pid == pid_ || process_name(pid).starts_with("sshd"); });
  return found;
}

void SshdFixture::pause() const {
  for (const pid_t pid : server_processes()) ::kill(pid, SIGSTOP);
}

void SshdFixture::resume() const {
  for (const pid_t pid : server_processes()) ::kill(pid, SIGCONT);
}

void SshdFixture::kill_sessions() const {
  for (const pid_t pid : server_processes()) ::kill(pid, SIGKILL);
}

void SshdFixture::stop() {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);  // no further sessions while they are counted
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (;;) {
    auto left = descendants();
    std::erase(left, pid_);
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
    if (left.empty() || std::chrono::steady_clock::now() > until) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace kirikae::test
