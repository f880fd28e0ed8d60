// Whom passwords are asked of, how often, and one question at a time; without a host.
#include "ssh/passwords.h"

#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

namespace {

const Target web1{"web1", "10.0.0.1", 22, "deploy"};
const Target web2{"web2", "10.0.0.2", 22, "deploy"};

// Holds the first question until it is let go.
struct Slow {
  std::atomic<bool> asked = false;
  std::atomic<bool> go = false;
  std::atomic<int> questions = 0;
  Passwords passwords{{}, [this](const std::string&) {
                        ++questions;
                        asked = true;
                        CHECK(eventually([&] { return go.load(); }));
                        return Secret("secret");
                      }};
};

}  // namespace

TEST_CASE("a question for the password is told from one for a new one, whatever the host and the account are called") {
  for (const char* text : {"Password:", "(ann@web1) Password: ", "ann@current1's password: ", "(new ann@the current host) Password: ",
                           "ann@retype's password: "}) {
    INFO(text);
    CHECK(wanted_by(text) == Wanted::password);
  }
  for (const char* text : {"Current password:", "(current) UNIX password: ", "(ann@web1) Current password: ", "(ann@web1) (current) LDAP Password: ",
                           "New password:", "(ann@web1) Retype new password: "}) {
    INFO(text);
    CHECK(wanted_by(text) == Wanted::new_password);
  }
  for (const char* text : {"Verification code: ", "(ann@passw) Code: ", "(ann@web1) "}) {
    INFO(text);
    CHECK(wanted_by(text) == Wanted::other);
  }
}

TEST_CASE("a given password is handed out where there is one, once, and others are asked for") {
  std::vector<std::string> questions;
  Passwords passwords({[](const Target& target) { return target.name == "web1" ? std::optional(Secret("given")) : std::nullopt; },
                       "the secret 'LOGIN'"},
                      [&](const std::string& question) {
                        questions.push_back(question);
                        return Secret("typed");
                      });
  CHECK(passwords.is_given(web1));
  CHECK_FALSE(passwords.is_given(web2));
  const auto given = passwords.password(web1, {}, {});
  REQUIRE(given);
  CHECK((*given)->reveal() == "given");
  const auto again = passwords.password(web1, *given, {});
  REQUIRE_FALSE(again);
  CHECK(again.error().message == "the secret 'LOGIN' was refused");
  // Over another connection neither.
  CHECK_FALSE(passwords.password(web1, {}, {}));
  CHECK(questions.empty());
  const auto typed = passwords.password(web2, {}, {});
  REQUIRE(typed);
  CHECK((*typed)->reveal() == "typed");
  CHECK(passwords.password(web2, {}, {}) == *typed);
  CHECK(questions == std::vector<std::string>{"password of 'deploy@web2'"});
}

TEST_CASE("a refused password is asked for three times, and an account without an answer never again") {
  std::vector<std::string> questions;
  std::string reply = "typed";
  Passwords passwords({}, [&](const std::string& question) {
    questions.push_back(question);
    return Secret(reply);
  });
  Passwords::Password refused;
  for (int i = 0; i < 3; ++i) {
    const auto typed = passwords.password(web1, refused, {});
    REQUIRE(typed);
    CHECK(*typed != refused);
    refused = *typed;
  }
  for (int i = 0; i < 2; ++i) {
    const auto none = passwords.password(web1, refused, {});
    REQUIRE_FALSE(none);
    CHECK(none.error().message == "wrong 3 times");
  }
  CHECK(questions.size() == 3);
  reply = "";
  for (int i = 0; i < 2; ++i) {
    const auto none = passwords.password(web2, {}, {});
    REQUIRE_FALSE(none);
    CHECK(none.error().message == "none was given");
  }
  CHECK(questions.size() == 4);
}

TEST_CASE("accounts at one address that is reached by two ways are two, for a typed password and for a given one") {
  Target a{"a", "192.168.1.10", 22, "root"}, b = a;
  b.name = "b";
  a.way = "gate-a";
  b.way = "gate-b";
  std::vector<std::string> questions;
  Passwords typed({}, [&](const std::string& question) {
    questions.push_back(question);
    return Secret("typed");
  });
  const auto for_a = typed.password(a, {}, {});
  const auto for_b = typed.password(b, {}, {});
  REQUIRE((for_a && for_b));
  CHECK(*for_a != *for_b);
  CHECK(typed.password(a, {}, {}) == *for_a);
  CHECK(questions == std::vector<std::string>{"password of 'root@a'", "password of 'root@b'"});

  Passwords given({[](const Target&) { return std::optional(Secret("given")); }, "the secret 'LOGIN'"}, {});
  given.refuse(a, {});
  CHECK(given.given_up(a) == "the secret 'LOGIN' was refused");
  CHECK(given.given_up(b).empty());
}

TEST_CASE("without a terminal there is no password and no answer") {
  Passwords passwords({}, {});
  CHECK_FALSE(passwords.can_ask());
  const auto password = passwords.password(web1, {}, {});
  REQUIRE_FALSE(password);
  CHECK(password.error().message == "none is given, and no terminal to ask for it");
  const auto answer = passwords.answer(web1, "'Code'", {});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message == "the host asks 'Code', and there is no terminal");
}

TEST_CASE("who waits for somebody else's question shares its answer, and asks about other accounts behind it") {
  Slow slow;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (const Target& target : {web1, web1, web1, web2}) {
      threads.emplace_back([&slow, &right, target] {
        const auto password = slow.passwords.password(target, {}, {});
        if (password && (*password)->reveal() == "secret") ++right;
      });
    }
    REQUIRE(eventually([&] { return slow.asked.load(); }));
    // Nobody else asks while one does; the deadline passes in the meantime for who may not wait.
    const auto late = slow.passwords.answer(web2, "'Code'", {Deadline::in(std::chrono::milliseconds(50)), {}});
    REQUIRE_FALSE(late);
    CHECK(late.error().code == ErrorCode::timeout);
    CHECK(late.error().message == "what 'deploy@web2' logs in with was not given in time");
    CHECK(slow.questions == 1);
    slow.go = true;
  }
  CHECK(right == 4);
  CHECK(slow.questions == 2);
}

TEST_CASE("who waits for somebody else's question ends when it is told to stop") {
  Slow slow;
  std::jthread other([&] { CHECK(slow.passwords.password(web1, {}, {})); });
  REQUIRE(eventually([&] { return slow.asked.load(); }));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto result = slow.passwords.password(web2, {}, {Deadline::never(), stop.get_token()});
  slow.go = true;
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::cancelled);
}
