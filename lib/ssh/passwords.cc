#include "ssh/passwords.h"

#include <fmt/core.h>

#include <utility>

#include "core/letters.h"
#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

Error no_password(std::string why) { return Error(ErrorCode::auth, std::move(why)); }

}  // namespace

Wanted wanted_by(std::string_view question) {
  std::string words = lower(question);
  // The system's ssh says whose question it is, by names that may have any words.
  if (const auto end = words.find(") "); words.starts_with('(') && words.substr(0, end).find('@') != std::string::npos) words.erase(0, end + 2);
  if (const auto of = words.find("'s password"); of != std::string::npos) words.erase(0, of);
  if (words.find("passw") == std::string::npos) return Wanted::other;
  const bool is_about_a_new_one = words.starts_with("current ") || words.find("(current)") != std::string::npos ||
                                  words.find("new ") != std::string::npos || words.find("retype") != std::string::npos;
  return is_about_a_new_one ? Wanted::new_password : Wanted::password;
}

Error expired_password(const Target& target) {
  return Error(ErrorCode::auth, fmt::format("the password of '{}' has expired: the host wants a new one", account_name(target)),
               "set it there: " + ssh_command(target));
}

std::string account_name(const Target& target) {
  return fmt::format("{}@{}", target.user, target.name.empty() ? target.address : target.name);
}

std::string account_key(const Target& target) {
  return fmt::format("{}@{} {}\n{}", target.user, target.address, target.port, target.way);
}

bool Passwords::is_given(const Target& target) const { return given_.find && given_.find(target).has_value(); }

std::string Passwords::given_up(const Target& target) {
  const std::scoped_lock lock(mutex_);
  return refused_given_.contains(account_key(target)) ? given_.origin + " was refused" : std::string();
}

void Passwords::refuse(const Target& target, const Password& refused) {
  const bool given = is_given(target);
  const std::scoped_lock lock(mutex_);
  const std::string account = account_key(target);
  if (given) refused_given_.insert(account);
  if (const auto typed = accounts_.find(account); typed != accounts_.end() && typed->second.typed == refused) typed->second.typed.reset();
}

Result<Passwords::Password> Passwords::password(const Target& target, const Password& refused, const Wait& wait, int prompts) {
  if (given_.find) {
    if (auto given = given_.find(target)) {
      if (refused) refuse(target, refused);
      if (std::string why = given_up(target); !why.empty()) return std::unexpected(no_password(std::move(why)));
      return std::make_shared<const Secret>(*std::move(given));
    }
  }
  if (!ask_) return std::unexpected(no_password("none is given, and no terminal to ask for it"));
  std::unique_lock lock(mutex_);
  TRY(wait_for_turn(lock, target, wait));
  Account& account = accounts_[account_key(target)];  // maps keep their elements where they are
  if (account.typed && account.typed != refused) return account.typed;
  account.typed.reset();
  if (account.given_up.empty() && account.questions >= prompts) {
    account.given_up = prompts == 1 ? "wrong" : fmt::format("wrong {} times", prompts);
  }
  if (!account.given_up.empty()) return std::unexpected(no_password(account.given_up));
  ++account.questions;
  auto typed = ask(lock, fmt::format("{}password of '{}'", refused ? "wrong password; " : "", account_name(target)));
  if (!typed) {
    if (!wait.stop.stop_requested()) account.given_up = "none was given";
    return std::unexpected(wait.stop.stop_requested() ? Error(ErrorCode::cancelled, "cancelled")
                                                      : no_password(account.given_up));
  }
  account.typed = std::make_shared<const Secret>(*std::move(typed));
  return account.typed;
}

Result<Secret> Passwords::answer(const Target& target, const std::string& question, const Wait& wait) {
  if (!ask_) return std::unexpected(no_password(fmt::format("the host asks {}, and there is no terminal", question)));
  std::unique_lock lock(mutex_);
  TRY(wait_for_turn(lock, target, wait));
  auto answer = ask(lock, fmt::format("'{}' asks {}", account_name(target), question));
  if (answer) return answer;
  return std::unexpected(wait.stop.stop_requested() ? Error(ErrorCode::cancelled, "cancelled")
                                                    : no_password(fmt::format("no answer to {}", question)));
}

Result<void> Passwords::wait_for_turn(std::unique_lock<std::mutex>& lock, const Target& target, const Wait& wait) {
  answered_.wait_for(lock, wait.stop, wait.deadline.left(), [&] { return !asking_; });
  if (wait.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
  if (!asking_) return {};
  return std::unexpected(
      Error(ErrorCode::timeout, fmt::format("what '{}' logs in with was not given in time", account_name(target))));
}

// Error: no answer.
Result<Secret> Passwords::ask(std::unique_lock<std::mutex>& lock, const std::string& question) {
  asking_ = true;
  lock.unlock();
  Secret answer = ask_(question);
  lock.lock();
  asking_ = false;
  answered_.notify_all();
  if (answer.empty()) return std::unexpected(no_password("no answer"));
  return answer;
}

}  // namespace kirikae::ssh
