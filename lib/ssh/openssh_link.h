// OpensshLink: a Link that the system's ssh carries: one master, whose own command is the first shell, and an `ssh -S` for each further
// one, or another such link where the host opens one channel for each connection. Its standard input is a pipe of ours: when we go, however
// that is, it reads its end, and so does the shell on the host, which ends; then the master ends too.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "core/fd.h"
#include "ssh/child.h"
#include "ssh/link.h"
#include "ssh/openssh_log.h"
#include "ssh/private_folder.h"

namespace kirikae::ssh {

class OpensshLink final : public Link {
 public:
  struct Start {
    Target target;
    PrivateFolder folder;
    ChildCall master;    // openssh_master() with socket() and log() of the folder; without streams
    std::string place;   // what the host is known by, where ssh doesn't tell its key
    bool beside = false; // another link to the same host, which can end its shell
  };
  static std::string socket(const PrivateFolder& folder) { return folder / "s"; }
  static std::string log(const PrivateFolder& folder) { return folder / "log"; }

  // Doesn't wait for anything: the first shell's hello says that the host has let us in. Error: local (ssh can't be started).
  static Result<std::unique_ptr<OpensshLink>> start(Start with);
  ~OpensshLink() override;

  std::unique_ptr<ShellOpening> open_shell() override;
  std::unique_ptr<ShellOpening> open_terminal() override;
  [[nodiscard]] bool refuses_late() const override { return true; }
  bool wait(Deadline deadline, int also = -1) override;
  [[nodiscard]] bool may_write() const override { return true; }  // a full socket takes nothing
  [[nodiscard]] std::size_t payload_limit() const override;
  void fail(const std::string& why) override;
  [[nodiscard]] bool lost() const override { return !loss_.empty(); }
  [[nodiscard]] const std::string& loss() const override { return loss_; }
  void shut_down() override;
  [[nodiscard]] const Target& target() const override { return target_; }
  [[nodiscard]] const std::shared_ptr<Waker>& waker() const override { return waker_; }
  [[nodiscard]] std::string identity() const override;

  // The ssh that logs in on the host itself; jump hosts have others.
  [[nodiscard]] pid_t process() const { return master_.id(); }
  // What ssh has said of itself so far.
  [[nodiscard]] const OpensshLog& said();
  // The same of what has come on its standard error: until the login, the words of its jump hosts' ssh.
  [[nodiscard]] const OpensshLog& said_on_the_way() const { return errors_reader_.log(); }

 private:
  class Shell;
  class Opening;
  struct Streams {
    Fd socket, errors;
  };

  OpensshLink(Target target, PrivateFolder folder, std::string place, bool beside)
      : target_(std::move(target)), folder_(std::move(folder)), place_(std::move(place)), beside_(beside) {}
  [[nodiscard]] static Result<Streams> run(ChildCall call, Child& child, const Target& target);
  void note_end_of_master();
  void read_log();
  void note_errors(std::string_view bytes);
  void terminate(long process);  // over there
  void drop(Child child);

  const Target target_;
  const PrivateFolder folder_;
  Fd log_;  // a pipe: a host may have ssh say things without end, which no disk has room for
  OpensshLogReader log_reader_;
  const std::string place_;
  const bool beside_;
  const std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();
  Child master_;
  std::optional<Streams> first_;   // of the master's own command, until somebody takes that
  std::vector<Shell*> shells_;     // those that live
  std::deque<Child> leaving_;      // of shells that are no more
  std::string errors_;             // the end of what has come on the master's standard error
  OpensshLogReader errors_reader_;
  bool last_look_ = false;         // the master has ended; what it wrote before may still have to be read
  std::string loss_;
};

}  // namespace kirikae::ssh
