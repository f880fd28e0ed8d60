#include "support/real_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "support/process.h"

namespace kirikae::test {
namespace {

void require(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what);
}

}  // namespace

RealAgent::RealAgent(const TempDir& folder, const std::vector<std::string>& keys) : socket_(folder / "agent") {
  pid_ = ::fork();
  require(pid_ >= 0, "can't fork");
  if (pid_ == 0) {
    // Its end can't be tied to ours (PR_SET_PDEATHSIG): ssh-agent is a set-group-ID program. So it must hold nothing of
    // the test's that somebody may be waiting for, should the test crash.
    const int nothing = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(nothing, fd);
    ::execlp("ssh-agent", "ssh-agent", "-D", "-a", socket_.c_str(), nullptr);
    ::_exit(127);
  }
  try {
    // Its socket is there before it listens.
    require(eventually([&] { return run_program({"sh", "-c", "SSH_AUTH_SOCK=$1 ssh-add -l 2>/dev/null", "sh", socket_}).status < 2; }),
            "ssh-agent doesn't start");
    for (const auto& key : keys) add(key);
  } catch (...) {
    stop();
    throw;
  }
}

RealAgent::~RealAgent() { stop(); }

void RealAgent::stop() const {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void RealAgent::add(const std::string& key) const {
  require(run_program({"env", "SSH_AUTH_SOCK=" + socket_, "ssh-add", "-q", key}).status == 0, "ssh-add fails");
}

}  // namespace kirikae::test
