// Passwords: what logins are answered with that keys don't settle: a password that was given, or what somebody types. One for a whole
// run: a password is asked for once per account, one question at a time, whatever the number of hosts and threads.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"
#include "ssh/login_rules.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class Passwords {
 public:
  // The password for a login, where one was given; then nobody is asked for it. `find`: any thread.
  struct Given {
    std::function<std::optional<Secret>(const Target&)> find;
    std::string origin{};  // for people: "the secret 'LOGIN_PASSWORD'"
  };
  // Not set: no terminal. An empty answer: none.
  using Ask = std::function<Secret(const std::string& question)>;
  using Password = std::shared_ptr<const Secret>;

  Passwords(Given given, Ask ask) : given_(std::move(given)), ask_(std::move(ask)) {}

  [[nodiscard]] bool can_ask() const { return static_cast<bool>(ask_); }
  [[nodiscard]] bool is_given(const Target& target) const;
  // A given password that this account's host did not take, or hung up on, is not said to it again in this run, over no connection and by
  // no method: hosts lock accounts. Why it isn't, for people; empty: it may be tried.
  [[nodiscard]] std::string given_up(const Target& target);
  // And a typed one that a host hung up on is asked for anew.
  void refuse(const Target& target, const Password& refused);

  // `refused`: the one that the host did not take, if any. A given one has one try, a typed one `prompts`.
  // Errors: auth (there is none, or none any more: why, for people), cancelled, timeout.
  Result<Password> password(const Target& target, const Password& refused, const Wait& wait, int prompts = LoginRules().prompts);

  // The answer to a question of the host's, which is printable; it is not kept. Errors: auth (nobody answers), cancelled, timeout.
  Result<Secret> answer(const Target& target, const std::string& question, const Wait& wait);

 private:
  struct Account {
    Password typed;
    int questions = 0;
    std::string given_up;  // why there is none any more
  };
  Result<Secret> ask(std::unique_lock<std::mutex>& lock, const std::string& question);
  Result<void> wait_for_turn(std::unique_lock<std::mutex>& lock, const Target& target, const Wait& wait);

  const Given given_;
  const Ask ask_;
  std::mutex mutex_;
  std::condition_variable_any answered_;
  bool asking_ = false;
  std::map<std::string, Account> accounts_;
  std::set<std::string> refused_given_;  // accounts
};

// What a host wants that asks a question which isn't echoed, by its words.
enum class Wanted { password, new_password, other };
Wanted wanted_by(std::string_view question);

Error expired_password(const Target& target);

// "deploy@web1", for people.
std::string account_name(const Target& target);
// Tells logins apart.
std::string account_key(const Target& target);

}  // namespace kirikae::ssh
