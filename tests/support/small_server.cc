#include "support/small_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "core/fd.h"
#include "support/listening.h"
#include "support/process.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {
namespace {

std::vector<std::string> program_of(SmallServer::Kind kind, const std::string& key) {
  if (kind == SmallServer::Kind::dropbear) return {"/usr/sbin/dropbear", "-i", "-r", key};
  return {"/usr/sbin/tinysshd", "-v", key};
}

// A process for each connection, with it as standard input and output.
[[noreturn]] void serve(int listener, int log, char* const* argv) {
  ::dup2(log, 2);
  for (;;) {
    const int connection = ::accept(listener, nullptr, nullptr);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (connection < 0) continue;
    if (::fork() == 0) {
      ::dup2(connection, 0);
      ::dup2(connection, 1);
      ::closefrom(3);
      ::execv(argv[0], argv);
      ::_exit(127);
    }
    ::close(connection);
  }
}

}  // namespace

bool SmallServer::is_installed(Kind kind) { return ::access(program_of(kind, {}).front().c_str(), X_OK) == 0; }

SmallServer::SmallServer(Options options) : options_(std::move(options)) {
  make_key();
  folder_.write("home/.ssh/authorized_keys", run_program({"cat", SshdFixture::client_key() + ".pub"}).output, 0600);
  for (const char* folder : {"home", "home/.ssh"}) ::chmod((folder_ / folder).c_str(), 0700);
  const passwd* self = ::getpwuid(::geteuid());
  if (self == nullptr) throw std::runtime_error("the user database doesn't know us");
  const std::string home = self->pw_dir;
  folder_.write("passwd", std::string(self->pw_name) + ":x:0:0::" + home + ":" + options_.login_shell + "\n");
  folder_.write("shells", options_.login_shell + "\n");
  options_.replaced.insert({{home, folder_ / "home"}, {"/etc/passwd", folder_ / "passwd"}, {"/etc/shells", folder_ / "shells"}});
  const Fd listener = listening(port_);
  const Fd log(::open((folder_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  auto words = program_of(options_.kind, folder_ / "key");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = fork_server(options_.replaced);
  if (pid_ == 0) serve(listener.get(), log.get(), argv.data());
}

SmallServer::~SmallServer() {
  ::kill(pid_, SIGSTOP);  // no further connections while they are counted
  for (const pid_t pid : with_descendants(pid_)) ::kill(pid, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void SmallServer::make_key() {
  const std::string key = folder_ / "key";
  const bool is_dropbear = options_.kind == Kind::dropbear;
  run_program(is_dropbear ? std::vector<std::string>{"dropbearkey", "-t", "ed25519", "-f", key}
                          : std::vector<std::string>{"tinysshd-makekey", "-q", key});
  std::string said =
      run_program(is_dropbear ? std::vector<std::string>{"dropbearkey", "-y", "-f", key} : std::vector<std::string>{"tinysshd-printkey", key})
          .output;
  const auto from = said.find("ssh-ed25519 ");
  if (from == std::string::npos) throw std::runtime_error("no host key could be made: " + said);
  said.erase(0, from);
  key_ = said.substr(0, said.find_first_of(" \n", sizeof "ssh-ed25519"));
}

std::string SmallServer::known_hosts_lines(std::string_view name, int port) const {
  return "[" + std::string(name) + "]:" + std::to_string(port) + " " + key_ + "\n";
}

}  // namespace kirikae::test
