// What the system's ssh asks in all logins of a run: who is asked, how often, and who waits for whom; without a host.
#include "ssh/openssh_questions.h"

#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::ssh;

namespace {

const std::string passphrase_question = "Enter passphrase for key '/keys/ann': ";
const std::string pin = "Enter PIN for 'kirikae': ";
constexpr int ssh_one = 101, ssh_two = 102;

// Somebody who answers each question with another text, the first with "1".
struct Person {
  std::vector<std::string> asked;
  OpensshQuestions questions{[this](const std::string& question) {
    asked.push_back(question);
    return Secret(std::to_string(asked.size()));
  }};
};

}  // namespace

TEST_CASE("a passphrase is asked for once in a run, and again by whom it did not help") {
  Person person;
  OpensshQuestions::Login one(person.questions, {}), two(person.questions, {});
  CHECK(one.answer(passphrase_question, ssh_one).reveal() == "1");
  CHECK(two.answer(passphrase_question, ssh_two).reveal() == "1");
  CHECK(two.answer(passphrase_question, ssh_two).reveal() == "2");
  CHECK(one.answer(passphrase_question, ssh_one).reveal() == "2");
  const std::string shown = "Enter passphrase for key '/keys/ann'";
  CHECK(person.asked == std::vector<std::string>{shown, "wrong; " + shown});
}

TEST_CASE("a jump host's ssh, which has the same question in the same login, doesn't say that the answer was wrong") {
  Person person;
  OpensshQuestions::Login login(person.questions, {});
  const std::string& question = GENERATE(passphrase_question, pin);
  CHECK(login.answer(question, ssh_one).reveal() == "1");
  CHECK(login.answer(question, ssh_two).reveal() == "1");
  CHECK(person.asked.size() == 1);
}

TEST_CASE("a host's own questions are answered for each login") {
  Person person;
  OpensshQuestions::Login one(person.questions, {}), two(person.questions, {});
  CHECK(one.answer("(ann@web1) Password: ", ssh_one).reveal() == "1");
  CHECK(two.answer("(ann@web1) Password: ", ssh_two).reveal() == "2");
  CHECK(two.answer("(ann@web1) Password: ", ssh_two).reveal() == "3");
  CHECK(person.asked.back() == "wrong; (ann@web1) Password");
}

TEST_CASE("a PIN is tried by one login, and the others are told it once that login is in") {
  Person person;
  std::optional<OpensshQuestions::Login> one(std::in_place, person.questions, std::stop_token());
  CHECK(one->answer(pin, ssh_one).reveal() == "1");
  auto other = std::async(std::launch::async, [&] {
    OpensshQuestions::Login two(person.questions, {});
    return std::string(two.answer(pin, ssh_two).reveal());
  });
  SECTION("it is in") {
    CHECK(other.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
    one->is_in();
    CHECK(other.get() == "1");
    CHECK(person.asked == std::vector<std::string>{"Enter PIN for 'kirikae'"});
  }
  SECTION("it is not: somebody is asked anew") {
    one.reset();
    CHECK(other.get() == "2");
    CHECK(person.asked.size() == 2);
  }
  SECTION("its ssh asks again: it was wrong") {
    CHECK(one->answer(pin, ssh_one).reveal() == "2");
    one->is_in();
    CHECK(other.get() == "2");
    CHECK(person.asked.back() == "wrong; Enter PIN for 'kirikae'");
  }
}

TEST_CASE("who waits for a PIN stops waiting when the run does") {
  Person person;
  OpensshQuestions::Login one(person.questions, {});
  CHECK(one.answer(pin, ssh_one).reveal() == "1");
  std::stop_source stop;
  auto other = std::async(std::launch::async, [&] {
    OpensshQuestions::Login two(person.questions, stop.get_token());
    return two.answer(pin, ssh_two).empty();
  });
  stop.request_stop();
  CHECK(other.get());
}
