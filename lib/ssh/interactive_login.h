// InteractiveLogin: the steps of one login that need no key: what methods the host takes, password, and keyboard-interactive.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/authenticator.h"
#include "ssh/login_rules.h"
#include "ssh/passwords.h"
#include "ssh/transport.h"

struct _LIBSSH2_SESSION;

namespace kirikae::ssh {

// What there is to say of a key or a password behind which a host has hung up since it allows no more.
inline constexpr std::string_view no_more_tries = "refused, and the host takes no more tries";

class InteractiveLogin {
 public:
  enum class Answer {
    let_in,
    refused,
    next_step,  // it was taken, and is not enough: methods() says what is wanted now
    hung_up,
  };

  InteractiveLogin(Passwords& passwords, _LIBSSH2_SESSION* session, const Target& target, const LoginRules& rules,
                   const Authenticator::Call& call, const Wait& wait, const std::function<bool()>& tries_are_over)
      : passwords_(passwords), session_(session), target_(target), rules_(rules), call_(call), wait_(wait), tries_are_over_(tries_are_over) {}

  // Asks the host what it takes; never `next_step`. sshd counts it as a failed try, unless it is the first of a connection.
  // Errors: cancelled, timeout.
  Result<Answer> ask_for_methods();
  // After a failure: what the host takes now, and whether what it was given by `method` was right, and is not enough (next_step). Where libssh2
  // doesn't know, it is asked; then a list without the method, or another one than before, says so.
  Result<Answer> look_again(std::string_view method);
  [[nodiscard]] const std::vector<std::string>& methods() const { return methods_; }
  [[nodiscard]] bool has_asked() const { return asked_; }  // and was answered; there may be no methods at all
  // And ssh_config lets it be tried.
  [[nodiscard]] bool takes(std::string_view method) const;
  // What of ssh_config stood in the way, for people.
  [[nodiscard]] std::vector<std::string> barred() const;

  // Whether somebody could answer; else run() is of no use.
  [[nodiscard]] bool possible() const;
  // Goes through the methods that the host takes, and through further steps as long as they need no key.
  // Errors: cancelled, timeout, auth (the password has expired).
  Result<Answer> run();
  // What came of each, for people.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Conversation;
  friend struct KeyboardCallback;
  Result<Answer> go_through();
  Result<Answer> try_password();
  Result<Answer> try_keyboard();
  Answer hung_up_on_password(std::string_view method, const Passwords::Password& said);
  Result<void> over() const;
  [[nodiscard]] bool hung_up(int code) const;
  void note(std::string_view method, std::string_view what);

  Passwords& passwords_;
  _LIBSSH2_SESSION* session_;
  const Target& target_;
  const LoginRules& rules_;
  const Authenticator::Call& call_;
  const Wait& wait_;
  const std::function<bool()>& tries_are_over_;
  std::vector<std::string> methods_;
  bool asked_ = false;
  std::vector<std::string> notes_;
};

}  // namespace kirikae::ssh
