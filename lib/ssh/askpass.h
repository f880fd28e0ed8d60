// Questions of the system's ssh. It asks by a program (SSH_ASKPASS), which is this one once more: that takes the question to the run, over
// a socket in a folder that nobody else may enter, and prints the answer.
#pragma once

#include <functional>
#include <string>

#include "core/error.h"
#include "core/fd.h"
#include "core/secret.h"

namespace kirikae::ssh {

// Its value is the socket's path. Whoever has it in the environment, and one argument, was called by ssh.
inline constexpr const char* askpass_variable = "KIRIKAE_ASKPASS";

// The run's side. One thread.
class AskpassDesk {
 public:
  // Error: local.
  static Result<AskpassDesk> open(const std::string& path);

  // Readable where somebody waits.
  [[nodiscard]] int fd() const { return socket_.get(); }

  struct Answers {
    // `asker`: the process of the ssh that asks. Empty: there is no answer.
    std::function<Secret(const std::string& question, int asker)> answer;
    std::function<void(const std::string& text)> tell;  // nothing is answered: "Confirm user presence for key …"
  };
  // Answers all who wait; both texts come as ssh has them.
  void serve(const Answers& answers) const;

 private:
  explicit AskpassDesk(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

// The program's side. `notice`: ssh waits for no answer (SSH_ASKPASS_PROMPT=none). Empty: nobody answers.
Secret ask_at_desk(const std::string& path, const std::string& question, bool notice);

}  // namespace kirikae::ssh
