#include "ssh/interactive_login.h"

#include <fmt/format.h>
#include <libssh2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "ssh/libssh2_patches.h"
#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr int requests_limit = 20;      // of the host's within one conversation
constexpr std::size_t question_limit = 200;
constexpr std::size_t lines_limit = 20;
constexpr int given_up = 1;  // no code of libssh2's

constexpr std::string_view password_method = "password";
constexpr std::string_view keyboard_method = "keyboard-interactive";

std::string_view view(const void* text, std::size_t size) {
  return text == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(text), size);
}

// The lines of a host's text that aren't blank, fit for a terminal.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < lines_limit) {
    const auto end = std::min(text.find_first_of("\r\n"), text.size());
    if (auto line = printable(text.substr(0, end), question_limit); !line.empty()) lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> printable_items(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (auto item = printable(list.substr(0, comma), 60); !item.empty()) items.push_back(std::move(item));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return items;
}

// libssh2 calls this where a host wants a new password. Without one it ends the request.
void no_new_password(LIBSSH2_SESSION*, char** password, int* size, void**) {
  *password = nullptr;
  *size = 0;
}

}  // namespace

// One keyboard-interactive exchange: the host's questions, as often as it likes, until it has judged.
struct InteractiveLogin::Conversation {
  InteractiveLogin& login;
  Passwords::Password refused;
  Passwords::Password used;
  int requests = 0;
  bool asked = false;
  std::string unanswered;      // why a question has no answer: the host will refuse
  std::optional<Error> fatal;  // the login is over

  [[nodiscard]] bool silent() const { return fatal || !unanswered.empty(); }

  // Empty: none.
  Secret answer(std::string_view introduction, std::string_view prompt, bool echo, bool alone) {
    asked = true;
    if (silent()) return {};
    // sshd puts what PAM only wanted to say before the question.
    auto said = lines_of(introduction);
    auto lines = lines_of(prompt);
    std::string text;
    if (!lines.empty()) {
      text = std::move(lines.back());
      lines.pop_back();
    }
    std::ranges::move(lines, std::back_inserter(said));
    text.erase(text.find_last_not_of(" :") + 1);
    const Wanted wanted = echo ? Wanted::other : wanted_by(text);
    if (wanted == Wanted::new_password) {
      fatal = expired_password(login.target_);
      return {};
    }
    if (wanted == Wanted::password && alone) {
      auto known = used ? Result<Passwords::Password>(used) : login.passwords_.password(login.target_, refused, login.wait_, login.rules_.prompts);
      if (!known) return fail(std::move(known).error());
      used = *known;
      return Secret(std::string(used->reveal()));
    }
    std::string question = fmt::format("'{}'", text);
    if (!said.empty()) question += fmt::format(" ({})", fmt::join(said, " "));
    if (const std::string why = login.rules_.why_not_asked(); !why.empty()) return fail(Error(ErrorCode::auth, fmt::format("the host asks {}, and {}", question, why)));
    auto answered = login.passwords_.answer(login.target_, question, login.wait_);
    return answered ? *std::move(answered) : fail(std::move(answered).error());
  }

  Secret fail(Error error) {
    if (error.code == ErrorCode::auth) {
      unanswered = std::move(error.message);
    } else {
      fatal = std::move(error);
    }
    return {};
  }
};

// The conversation that a thread is in: libssh2 hands on the session's pointer only, which is somebody else's.
struct KeyboardCallback {
  static thread_local InteractiveLogin::Conversation* current;

  static void answer(const char* name, int name_size, const char* instruction, int instruction_size, int count,
                     const LIBSSH2_USERAUTH_KBDINT_PROMPT* prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE* responses, void**) {
    auto& conversation = *current;
    if (++conversation.requests > requests_limit && !conversation.fatal) {
      conversation.fatal = Error(ErrorCode::auth, "the host asks questions without end");
    }
    const auto said = view(instruction, static_cast<std::size_t>(std::max(0, instruction_size)));
    const auto title = view(name, static_cast<std::size_t>(std::max(0, name_size)));
    for (int i = 0; i < count; ++i) {
      const Secret answer = conversation.answer(said.empty() ? title : said, view(prompts[i].text, prompts[i].length),
                                                prompts[i].echo != 0, count == 1);
      const auto bytes = answer.reveal();
      responses[i].text = static_cast<char*>(std::malloc(bytes.size() + 1));  // libssh2 frees it
      responses[i].length = 0;
      if (responses[i].text == nullptr) continue;
      std::memcpy(responses[i].text, bytes.data(), bytes.size());
      responses[i].length = static_cast<unsigned int>(bytes.size());
    }
  }
};
thread_local InteractiveLogin::Conversation* KeyboardCallback::current = nullptr;

bool InteractiveLogin::takes(std::string_view method) const {
  return std::ranges::find(methods_, method) != methods_.end() && rules_.allows(method);
}

bool InteractiveLogin::possible() const {
  return (rules_.allows(password_method) || rules_.allows(keyboard_method)) &&
         ((passwords_.can_ask() && rules_.why_not_asked().empty()) || passwords_.is_given(target_));
}

std::vector<std::string> InteractiveLogin::barred() const {
  std::vector<std::string> reasons;
  const auto add = [&](std::string why) {
    if (!why.empty() && std::ranges::find(reasons, why) == reasons.end()) reasons.push_back(std::move(why));
  };
  add(rules_.why_not("publickey"));
  for (const std::string& method : methods_) add(rules_.why_not(method));
  if (!passwords_.is_given(target_) && (takes(password_method) || takes(keyboard_method))) add(rules_.why_not_asked());
  return reasons;
}

void InteractiveLogin::note(std::string_view method, std::string_view what) {
  notes_.push_back(fmt::format("{}: {}", method, what));
}

Result<void> InteractiveLogin::over() const {
  if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
  return {};
}

bool InteractiveLogin::hung_up(int code) const {
  if (code != LIBSSH2_ERROR_AUTHENTICATION_FAILED) return true;
  char* text = nullptr;  // a lost connection may have the code of a refusal; only the text tells them apart
  libssh2_session_last_error(session_, &text, nullptr, 0);
  return text != nullptr && std::string_view(text).starts_with("Waiting for");
}

// As a host does after the last try that it allows, or while somebody types.
InteractiveLogin::Answer InteractiveLogin::hung_up_on_password(std::string_view method, const Passwords::Password& said) {
  const bool over = tries_are_over_ && tries_are_over_();
  if (over || passwords_.is_given(target_)) passwords_.refuse(target_, said);
  if (over) note(method, no_more_tries);
  return Answer::hung_up;
}

Result<InteractiveLogin::Answer> InteractiveLogin::ask_for_methods() {
  // The session's, until it is asked again; freed by libssh2, or lost where that is the system's.
  const char* list = nullptr;
  const int code = call_([&] {
    list = libssh2_userauth_list(session_, target_.user.c_str(), static_cast<unsigned int>(target_.user.size()));
    return list != nullptr ? 0 : libssh2_session_last_errno(session_);
  });
  TRY(over());
  if (code == LIBSSH2_ERROR_TIMEOUT) {
    return std::unexpected(
        Error(ErrorCode::timeout, fmt::format("the host did not answer while '{}' logged in", target_.user)));
  }
  if (list != nullptr) {
    methods_ = printable_items(list);
    asked_ = true;
    return Answer::refused;
  }
  return libssh2_userauth_authenticated(session_) == 1 ? Answer::let_in : Answer::hung_up;
}

Result<InteractiveLogin::Answer> InteractiveLogin::look_again(std::string_view method) {
  if (const auto failure = login_failure(session_)) {
    methods_ = printable_items(failure->methods);
    asked_ = true;
    return failure->partial ? Answer::next_step : Answer::refused;
  }
  const auto before = methods_;
  TRY_ASSIGN(const auto answer, ask_for_methods());
  const bool other = before.empty() ? !takes(method) : methods_ != before;
  return answer == Answer::refused && other ? Answer::next_step : answer;
}

Result<InteractiveLogin::Answer> InteractiveLogin::run() {
  for (;;) {
    TRY_ASSIGN(const auto answer, go_through());
    if (answer != Answer::next_step || !(takes(password_method) || takes(keyboard_method))) return answer;
  }
}

// One step. A given password is said at once; where somebody is asked, the host's own questions come first; but
// ssh_config may have an order.
Result<InteractiveLogin::Answer> InteractiveLogin::go_through() {
  std::array order{keyboard_method, password_method};
  const bool password_first = rules_.preferred ? rules_.prefers(password_method, keyboard_method) : passwords_.is_given(target_);
  if (password_first) std::swap(order[0], order[1]);
  for (const auto method : order) {
    if (!takes(method)) continue;
    if (passwords_.is_given(target_)) {
      if (const std::string why = passwords_.given_up(target_); !why.empty()) {
        if (notes_.empty()) note(method, why);
        break;
      }
    }
    TRY_ASSIGN(const auto answer, method == password_method ? try_password() : try_keyboard());
    if (answer != Answer::refused) return answer;
  }
  return Answer::refused;
}

Result<InteractiveLogin::Answer> InteractiveLogin::try_password() {
  Passwords::Password refused;
  for (bool looked = false;;) {
    auto password = passwords_.password(target_, refused, wait_, rules_.prompts);
    if (!password) {
      if (password.error().code != ErrorCode::auth) return std::unexpected(std::move(password).error());
      note(password_method, password.error().message);
      return Answer::refused;
    }
    const auto text = (*password)->reveal();
    const int code = call_([&] {
      return libssh2_userauth_password_ex(session_, target_.user.c_str(), static_cast<unsigned int>(target_.user.size()),
                                          text.data(), static_cast<unsigned int>(text.size()), no_new_password);
    });
    if (code == 0) return Answer::let_in;
    TRY(over());
    if (code == LIBSSH2_ERROR_PASSWORD_EXPIRED) return std::unexpected(expired_password(target_));
    if (code == LIBSSH2_ERROR_TIMEOUT) {
      return std::unexpected(
          Error(ErrorCode::timeout, fmt::format("the host did not answer while '{}' logged in", target_.user)));
    }
    if (hung_up(code)) return hung_up_on_password(password_method, *password);
    if (libssh2_is_patched || !std::exchange(looked, true)) {
      TRY_ASSIGN(const auto answer, look_again(password_method));
      if (answer != Answer::refused) return answer;
    }
    refused = *password;
  }
}

Result<InteractiveLogin::Answer> InteractiveLogin::try_keyboard() {
  Passwords::Password refused;
  const int most = std::max(1, rules_.prompts);  // a given password needs one
  for (int i = 0; i < most; ++i) {
    Conversation conversation{.login = *this, .refused = refused, .used = {}, .unanswered = {}, .fatal = {}};
    const int code = call_([&] {
      KeyboardCallback::current = &conversation;
      const int result = libssh2_userauth_keyboard_interactive_ex(
          session_, target_.user.c_str(), static_cast<unsigned int>(target_.user.size()), KeyboardCallback::answer);
      KeyboardCallback::current = nullptr;
      return conversation.fatal ? given_up : result;
    });
    if (code == 0) return Answer::let_in;
    TRY(over());
    // The session is left in the middle of the request, and must not be used again.
    if (conversation.fatal) return std::unexpected(*std::move(conversation.fatal));
    if (code == LIBSSH2_ERROR_TIMEOUT) {
      return std::unexpected(
          Error(ErrorCode::timeout, fmt::format("the host did not answer while '{}' logged in", target_.user)));
    }
    if (hung_up(code)) return conversation.used ? hung_up_on_password(keyboard_method, conversation.used) : Answer::hung_up;
    if (!conversation.unanswered.empty()) {
      note(keyboard_method, conversation.unanswered);
      return Answer::refused;
    }
    if (libssh2_is_patched || i == 0) {
      TRY_ASSIGN(const auto answer, look_again(keyboard_method));
      if (answer != Answer::refused) return answer;
    }
    if (!conversation.asked) {
      note(keyboard_method, "refused without a question");
      return Answer::refused;
    }
    refused = conversation.used;
    if (refused && passwords_.is_given(target_)) {
      passwords_.refuse(target_, refused);
      note(keyboard_method, passwords_.given_up(target_));
      return Answer::refused;
    }
  }
  note(keyboard_method, most == 1 ? "refused" : fmt::format("refused {} times", most));
  return Answer::refused;
}

}  // namespace kirikae::ssh
