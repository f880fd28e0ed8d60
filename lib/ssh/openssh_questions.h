// OpensshQuestions: what the system's ssh asks somebody at the terminal, over all logins of a run. Any thread, one for each login.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "core/secret.h"

namespace kirikae::ssh {

class OpensshQuestions {
 public:
  using Ask = std::function<Secret(const std::string& question)>;
  // Not set: nobody can be asked.
  explicit OpensshQuestions(Ask ask) : ask_(std::move(ask)) {}

  [[nodiscard]] bool can_ask() const { return static_cast<bool>(ask_); }

  // The questions of one login. A passphrase is asked for once in a run, and again where it was wrong. A token locks itself after a few
  // wrong PINs, so one login tries what was typed, while the others that want it wait for how that login ends.
  class Login {
   public:
    Login(OpensshQuestions& all, std::stop_token stop) : all_(all), stop_(std::move(stop)) {}
    ~Login();
    Login(const Login&) = delete;
    Login& operator=(const Login&) = delete;

    // `asker`: the process that asks, of those of a login (jump hosts have their own): the same question from the same one says that the
    // answer was wrong. Empty: nobody answers.
    Secret answer(const std::string& question, int asker);
    // The login is through, and every key has signed: the PINs that it was answered are right.
    void is_in();

   private:
    using Question = std::pair<int, std::string>;
    void end_tries(bool right);

    OpensshQuestions& all_;
    const std::stop_token stop_;
    std::map<Question, int> told_;  // which of its answers each process has had last, counted from 1
    bool tries_ = false;            // a PIN
  };

 private:
  struct Answer {
    Secret text;
    int times = 0;                  // asked for
    const Login* tried = nullptr;   // a PIN's: by whom
    bool is_right = false;          // a PIN's: a login was let in by it
  };
  bool tells_hosts_questions_apart();
  Secret ask(const std::string& question, bool again) const;

  const Ask ask_;
  std::mutex mutex_;  // while somebody is asked, too: the next one may have the same question
  std::condition_variable_any tried_;
  std::map<std::string, Answer> answers_;  // by the question
  std::once_flag version_known_;
  bool tells_apart_ = false;
};

}  // namespace kirikae::ssh
