// A PAM module that asks questions which no module of the system asks: `pam_questions.so WORD...`, all in one go. Each word is
//   ask:QUESTION=ANSWER     shown while it is typed        say:TEXT    told, no question
//   hide:QUESTION=ANSWER    not shown
// In words, \e is ESC, \n a line break, _ a blank. Right is whoever gives all answers; `endless` asks again instead of refusing.
// The few declarations of libpam that are needed stand here, so that no package of headers is.
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
struct pam_handle;
struct pam_message {
  int msg_style;
  const char* msg;
};
struct pam_response {
  char* resp;
  int resp_retcode;
};
struct pam_conv {
  int (*conv)(int, const pam_message**, pam_response**, void*);
  void* appdata_ptr;
};
int pam_get_item(const pam_handle*, int, const void**);
int pam_sm_authenticate(pam_handle* pam, int flags, int argc, const char** argv);
int pam_sm_setcred(pam_handle* pam, int flags, int argc, const char** argv);
}

namespace {

constexpr int success = 0, auth_error = 7, conversation = 5;
constexpr int hide = 1, ask = 2, say = 4;

std::string text_of(std::string_view word) {
  std::string text;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\\' && i + 1 < word.size()) {
      ++i;
      text += word[i] == 'e' ? '\x1b' : word[i] == 'n' ? '\n' : word[i];
    } else {
      text += word[i] == '_' ? ' ' : word[i];
    }
  }
  return text;
}

struct Question {
  int style;
  std::string text;
  std::string answer;
};

// Whether all answers are right.
bool is_right(const pam_conv& talk, const std::vector<Question>& questions) {
  std::vector<pam_message> messages;
  for (const auto& question : questions) messages.push_back({question.style, question.text.c_str()});
  std::vector<const pam_message*> pointers;
  for (const auto& message : messages) pointers.push_back(&message);
  pam_response* responses = nullptr;
  if (talk.conv(static_cast<int>(pointers.size()), pointers.data(), &responses, talk.appdata_ptr) != success) return false;
  bool right = true;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const char* given = responses[i].resp;
    if (questions[i].style != say && (given == nullptr || questions[i].answer != given)) right = false;
    std::free(responses[i].resp);
  }
  std::free(responses);
  return right;
}

}  // namespace

int pam_sm_authenticate(pam_handle* pam, int, int argc, const char** argv) {
  const void* item = nullptr;
  if (pam_get_item(pam, conversation, &item) != success || item == nullptr) return auth_error;
  const auto& talk = *static_cast<const pam_conv*>(item);
  std::vector<Question> questions;
  bool endless = false;
  for (int i = 0; i < argc; ++i) {
    const std::string_view word(argv[i]);
    const auto colon = word.find(':');
    if (colon == std::string_view::npos) {
      endless = true;
      continue;
    }
    const auto equals = word.find('=');
    const int style = word.substr(0, colon) == "say" ? say : word.substr(0, colon) == "ask" ? ask : hide;
    questions.push_back({style, text_of(word.substr(colon + 1, equals == std::string_view::npos ? equals : equals - colon - 1)),
                         equals == std::string_view::npos ? "" : text_of(word.substr(equals + 1))});
  }
  do {
    if (is_right(talk, questions)) return success;
  } while (endless);
  return auth_error;
}

int pam_sm_setcred(pam_handle*, int, int, const char**) { return success; }
