#include "ssh/openssh_questions.h"

#include <chrono>
#include <cstdio>
#include <string_view>

#include "core/deadline.h"
#include "core/subprocess.h"
#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t longest_question = 200;
constexpr std::chrono::seconds version_limit{5};
constexpr std::chrono::seconds trial_limit{120};  // sshd's own for a login

Secret copy_of(const Secret& text) { return Secret(std::string(text.reveal())); }

}  // namespace

OpensshQuestions::Login::~Login() { end_tries(false); }

void OpensshQuestions::Login::is_in() { end_tries(true); }

void OpensshQuestions::Login::end_tries(bool right) {
  if (!tries_) return;  // and doesn't wait for somebody who is typing for another host
  tries_ = false;
  const std::scoped_lock lock(all_.mutex_);
  for (auto& [question, answer] : all_.answers_) {
    if (answer.tried != this) continue;
    answer.tried = nullptr;
    answer.is_right = right;
  }
  all_.tried_.notify_all();
}

Secret OpensshQuestions::Login::answer(const std::string& question, int asker) {
  std::unique_lock lock(all_.mutex_);
  const bool is_pin = question.starts_with("Enter PIN for");
  // A host's own questions are answered once.
  if ((!is_pin && !question.starts_with("Enter passphrase for")) || !all_.tells_hosts_questions_apart()) {
    return all_.ask(question, told_[{asker, question}]++ > 0);
  }
  Answer& known = all_.answers_[question];
  int& told = told_[{asker, question}];
  if (is_pin && !all_.tried_.wait_for(lock, stop_, trial_limit, [&] { return known.tried == nullptr || known.tried == this; })) return {};
  const bool holds = known.times > told && (!is_pin || known.is_right || known.tried == this);
  if (!holds) {
    known.text = all_.ask(question, told > 0);
    ++known.times;
    known.is_right = false;
    known.tried = is_pin ? this : nullptr;
    tries_ = tries_ || is_pin;
  }
  told = known.times;
  return copy_of(known.text);
}

Secret OpensshQuestions::ask(const std::string& question, bool again) const {
  std::string shown = printable(question, longest_question);
  shown.erase(shown.find_last_not_of(": ") + 1);
  return ask_((again ? "wrong; " : "") + shown);
}

// A host's own questions could read as ssh's do. From 8.5 on, ssh puts "(user@host) " before them.
bool OpensshQuestions::tells_hosts_questions_apart() {
  std::call_once(version_known_, [this] {
    std::string said;
    const SubprocessCall call{.argv = {"ssh", "-V"}, .folder = {}, .environment = {}, .input = {}, .deadline = Deadline::in(version_limit), .stop = {},
                              .on_output = [&](bool, std::string_view bytes) { said += bytes; }};
    int major = 0, minor = 0;
    if (run_subprocess(call) && std::sscanf(said.c_str(), "OpenSSH_%d.%d", &major, &minor) == 2) {
      tells_apart_ = major > 8 || (major == 8 && minor >= 5);
    }
  });
  return tells_apart_;
}

}  // namespace kirikae::ssh
