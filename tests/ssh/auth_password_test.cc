// Passwords and questions of hosts, against a real sshd that has a shadow file and PAM rules of its own: for root, who may hide the
// system's from it.
#include <algorithm>
#include <atomic>
#include <thread>

#include "ssh/auth_support.h"
#include "ssh/password_host.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Settings no_keys() { return given({key_pair("ed25519", "stranger")}); }

std::string question() { return "password of '" + SshdFixture::user() + "@web1'"; }

std::string refused(const std::string& what, const std::string& notes, const std::string& methods) {
  return "no " + what + " was accepted for user '" + SshdFixture::user() + "': " + key_pair("ed25519", "stranger") +
         ": refused; " + notes + "; the host accepts: " + methods;
}

}  // namespace

TEST_CASE("a given password logs in where no key does, and nobody is asked") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_password);
  Asker asker{.answers = {"wrong"}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  CHECK(try_login(server, settings, always(right_password)).empty());
  CHECK(try_login(server, settings, always("wrong")) ==
        refused("key and no password", "password: the secret 'LOGIN' was refused", "publickey, password"));
  CHECK(asker.questions.empty());
}

TEST_CASE("a given password that is wrong is said once to a host, over all methods and connections") {
  if (is_skipped_without_mounts()) return;
  const auto& lines = GENERATE(as<std::vector<std::string>>(), std::vector<std::string>{},
                               // The third failure, behind a key and the question for the methods, makes this one hang up.
                               std::vector<std::string>{"MaxAuthTries 3"});
  std::vector<std::string> config{"PasswordAuthentication yes", "UsePAM yes", "KbdInteractiveAuthentication yes"};
  config.insert(config.end(), lines.begin(), lines.end());
  const PasswordHost server(config);
  TestAuthenticator authenticator(no_keys(), always("wrong"));
  for (int i = 0; i < 3; ++i) {
    Client client(server.sshd);
    const auto result = client.log_in(authenticator);
    REQUIRE_FALSE(result);
    if (i > 0) CHECK_THAT(result.error().message, ContainsSubstring("password: the secret 'LOGIN' was refused"));
  }
  const std::string log = server.sshd.log();
  const auto failed = log.find("Failed password");
  REQUIRE(failed != std::string::npos);
  CHECK(log.find("Failed password", failed + 1) == std::string::npos);
  CHECK_THAT(log, !ContainsSubstring("Failed keyboard-interactive"));
}

TEST_CASE("keys go first: no password is used where one is accepted, and the host is not asked what it takes") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server({"PasswordAuthentication yes", "LogLevel DEBUG1"});
  CHECK(try_login(server, given({SshdFixture::client_key()}), always("wrong")).empty());
  CHECK_THAT(server.sshd.log(), !ContainsSubstring("method none"));
  CHECK_THAT(server.sshd.log(), !ContainsSubstring("method password"));
}

TEST_CASE("without anybody to ask, the error says what the host would take") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_password);
  CHECK(try_login(server, no_keys()) == "no key was accepted for user '" + SshdFixture::user() + "': " +
                                        key_pair("ed25519", "stranger") + ": refused; the host accepts: publickey, password");
}

TEST_CASE("a password is asked for once per account, and again where it is wrong, three times in all") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_password);
  Settings settings = no_keys();
  Asker asker{.answers = {"wrong", "wrong again", right_password}};
  SECTION("right at last, and kept") {
    settings.ask = asker.function();
    TestAuthenticator authenticator(settings);
    for (int i = 0; i < 2; ++i) {
      Client client(server.sshd);
      CHECK(client.log_in(authenticator));
    }
    CHECK(asker.questions == std::vector<std::string>{question(), "wrong password; " + question(), "wrong password; " + question()});
  }
  SECTION("never right") {
    asker.answers = {"wrong"};
    settings.ask = asker.function();
    CHECK(try_login(server, settings) == refused("key and no password", "password: wrong 3 times", "publickey, password"));
    CHECK(asker.questions.size() == 3);
  }
  SECTION("no answer") {
    asker.answers = {""};
    settings.ask = asker.function();
    TestAuthenticator authenticator(settings);
    for (int i = 0; i < 2; ++i) {
      Client client(server.sshd);
      const auto result = client.log_in(authenticator);
      REQUIRE_FALSE(result);
      CHECK(result.error().message == refused("key and no password", "password: none was given", "publickey, password"));
    }
    CHECK(asker.questions.size() == 1);
  }
}

TEST_CASE("nobody is asked oftener than ssh_config says, NumberOfPasswordPrompts") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost by_word(by_password), by_question(by_questions);
  Asker asker{.answers = {"wrong"}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  settings.host.login.prompts = 1;
  CHECK(try_login(by_word, settings) == refused("key and no password", "password: wrong", "publickey, password"));
  CHECK(asker.questions.size() == 1);
  CHECK(try_login(by_question, settings) == refused("key and no password", "keyboard-interactive: refused", "publickey, keyboard-interactive"));
  CHECK(asker.questions.size() == 2);
  settings.host.login.prompts = 0;
  CHECK(try_login(by_word, settings) == "no key was accepted for user '" + SshdFixture::user() + "': " + key_pair("ed25519", "stranger") +
                                            ": refused; NumberOfPasswordPrompts is 0 in ssh_config; the host accepts: publickey, password");
  CHECK(try_login(by_question, settings, always(right_password)).empty());
  CHECK(asker.questions.size() == 2);
}

TEST_CASE("sessions of one account that log in at the same time share one question for the password") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_password);
  std::atomic<int> questions = 0;
  std::atomic<int> logged_in = 0;
  Settings settings = no_keys();
  settings.ask = [&](const std::string&) {
    ++questions;
    CHECK(eventually([&] {  // until all of them have had their key refused
      const std::string log = server.sshd.log();
      std::size_t count = 0;
      for (auto at = log.find("Failed publickey"); at != std::string::npos; at = log.find("Failed publickey", at + 1)) ++count;
      return count == 4;
    }));
    return Secret(right_password);
  };
  TestAuthenticator authenticator(settings);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        Client client(server.sshd);
        if (client.log_in(authenticator)) ++logged_in;
      });
    }
  }
  CHECK(questions == 1);
  CHECK(logged_in == 4);
}

TEST_CASE("a passphrase and a password are not asked for at the same time") {
  if (is_skipped_without_mounts()) return;
  const TempDir folder;
  const PasswordHost server(by_password);
  const SshdFixture other;  // which knows the key
  other.authorize(public_line("ed25519", "one"));
  std::atomic<int> inside = 0;
  std::atomic<int> questions = 0;
  std::atomic<bool> together = false;
  Settings settings = given({key_copy(folder, "ed25519", "one", {"-N", passphrase})});
  settings.ask = [&](const std::string& question) {
    ++questions;
    ++inside;
    // Long enough for the other session to ask, if it would.
    if (eventually([&] { return inside == 2; }, std::chrono::milliseconds(1500))) together = true;
    --inside;
    return Secret(question.starts_with("passphrase") ? passphrase : right_password);
  };
  TestAuthenticator authenticator(settings);
  std::atomic<int> logged_in = 0;
  {
    std::vector<std::jthread> threads;
    for (const SshdFixture* sshd : {&server.sshd, &other}) {
      threads.emplace_back([&, sshd] {
        Client client(*sshd);
        if (client.log_in(authenticator)) ++logged_in;
      });
    }
  }
  CHECK(logged_in == 2);
  CHECK(questions == 2);
  CHECK_FALSE(together);
}

TEST_CASE("a host's question for the password is answered with the given one, or by somebody") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_questions);
  CHECK(try_login(server, no_keys(), always(right_password)).empty());
  CHECK(try_login(server, no_keys(), always("wrong")) ==
        refused("key and no password", "keyboard-interactive: the secret 'LOGIN' was refused", "publickey, keyboard-interactive"));
  Asker asker{.answers = {"wrong", right_password}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  CHECK(try_login(server, settings).empty());
  CHECK(asker.questions == std::vector<std::string>{question(), "wrong password; " + question()});
}

TEST_CASE("other questions of a host are shown without what could trick a terminal, and are never answered with a password") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_questions, R"(say:Two\e[2J_factors\nand_more hide:Code\e[31m\nsecond_line:_=12_34 ask:Name_of_the_dog?=Rex)");
  Asker asker{.answers = {"12 34", "Rex"}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  CHECK(try_login(server, settings, always(right_password)).empty());
  const std::string who = "'" + SshdFixture::user() + "@web1' asks ";
  CHECK(asker.questions ==
        std::vector<std::string>{who + "'second line' (Two?[2J factors and more Code?[31m)", who + "'Name of the dog?'"});
  CHECK(try_login(server, no_keys(), always(right_password)) ==
        refused("key and no password", "keyboard-interactive: the host asks 'second line' (Two?[2J factors and more Code?[31m), and there is no terminal",
                "publickey, keyboard-interactive"));
  Asker wrong{.answers = {"1"}};
  settings.ask = wrong.function();
  CHECK(try_login(server, settings) ==
        refused("key and no password", "keyboard-interactive: refused 3 times", "publickey, keyboard-interactive"));
  Asker silent{.answers = {""}};
  settings.ask = silent.function();
  CHECK_THAT(try_login(server, settings), ContainsSubstring("keyboard-interactive: no answer to 'second line' (Two?[2J factors and more Code?[31m)"));
  CHECK(silent.questions.size() == 1);
}

TEST_CASE("a host that asks without end is given up") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_questions, "endless ask:Again?=never");
  Asker asker{.answers = {"yes"}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  CHECK(try_login(server, settings) == "the host asks questions without end");
  CHECK(asker.questions.size() == 20);
}

TEST_CASE("a host that wants a new password is told as such, and gets none") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server(by_questions, {}, "0:0:99999:7:::");
  Asker asker{.answers = {right_password}};
  Settings settings = no_keys();
  settings.ask = asker.function();
  const std::string text = "the password of '" + SshdFixture::user() + "@web1' has expired: the host wants a new one";
  CHECK(try_login(server, settings) == text);
  CHECK(try_login(server, no_keys(), always(right_password)) == text);
}

TEST_CASE("a login that waits for an answer ends when it is told to stop") {
  if (is_skipped_without_mounts()) return;
  const auto& lines = GENERATE(as<std::vector<std::string>>(), by_password, by_questions);
  const PasswordHost server(lines);
  std::stop_source stop;
  Settings settings = no_keys();
  settings.ask = [&](const std::string&) {  // as a terminal's question ends
    stop.request_stop();
    return Secret();
  };
  TestAuthenticator authenticator(settings);
  Client client(server.sshd);
  const auto result = client.log_in(authenticator, {Deadline::never(), stop.get_token()});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::cancelled);
}

TEST_CASE("passwords and answers keep to the methods that ssh_config allows, and to its order") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server({"PasswordAuthentication yes", "UsePAM yes", "KbdInteractiveAuthentication yes", "LogLevel DEBUG1"});
  struct Case {
    const char* what;
    LoginRules rules;
    bool given;
    std::string accepted;
  };
  const std::vector<std::string> answers_first{"keyboard-interactive", "password", "publickey"}, password_first{"password", "keyboard-interactive"};
  const auto& c = GENERATE_REF(values<Case>({{"a given one, as ever", {}, true, "password"},
                                             {"a given one, no passwords", {.off = {"password"}}, true, "keyboard-interactive/pam"},
                                             {"a given one, in order", {.preferred = answers_first}, true, "keyboard-interactive/pam"},
                                             {"a typed one, as ever", {}, false, "keyboard-interactive/pam"},
                                             {"a typed one, no questions", {.off = {"keyboard-interactive"}}, false, "password"},
                                             {"a typed one, in order", {.preferred = password_first}, false, "password"},
                                             {"a given one where nobody is asked", {.batch = true}, true, "password"}}));
  INFO(c.what);
  Asker asker{.answers = {right_password}};
  Settings settings = no_keys();
  settings.host.login = c.rules;
  settings.ask = asker.function();
  CHECK(try_login(server, settings, c.given ? always(right_password) : Passwords::Given{}).empty());
  CHECK(asker.questions.size() == (c.given ? 0 : 1));
  CHECK(eventually([&] { return server.sshd.log().find("Accepted " + c.accepted + " for") != std::string::npos; }));
  CHECK((server.sshd.log().find("method publickey") == std::string::npos) == (c.rules.preferred == password_first));
}

TEST_CASE("a login that fails because of ssh_config's methods says so") {
  if (is_skipped_without_mounts()) return;
  const std::string off = "PasswordAuthentication is off in ssh_config", batch = "BatchMode is on in ssh_config";
  Asker asker{.answers = {"1234"}};
  Settings settings;
  settings.ask = asker.function();
  const auto key_refused = [](const std::string& why, const std::string& methods) {
    return "no key was accepted for user '" + SshdFixture::user() + "': " + key_pair("ed25519", "stranger") + ": refused; " + why +
           "; the host accepts: " + methods;
  };
  const PasswordHost server(by_password);
  settings.host = no_keys().host;
  settings.host.login.off = {"password"};
  CHECK(try_login(server, settings, always(right_password)) == key_refused(off, "publickey, password"));
  settings.host.login = {.batch = true};
  CHECK(try_login(server, settings) == key_refused(batch, "publickey, password"));
  settings.host = {};
  settings.host.login.off = {"publickey"};
  CHECK(try_login(server, settings, always("wrong")) == "no password was accepted for user '" + SshdFixture::user() +
                                                        "': password: the secret 'LOGIN' was refused; PubkeyAuthentication is off in "
                                                        "ssh_config; the host accepts: publickey, password");
  settings.host = {};
  CHECK(try_login(server, settings, always("wrong")) == "no password was accepted for user '" + SshdFixture::user() +
                                                        "': password: the secret 'LOGIN' was refused; the host accepts: publickey, password");
  const PasswordHost asking(by_questions, "hide:Code:_=1234");
  settings.host = no_keys().host;
  settings.host.login.batch = true;
  CHECK(try_login(asking, settings, always(right_password)) ==
        refused("key and no password", "keyboard-interactive: the host asks 'Code', and " + batch, "publickey, keyboard-interactive"));
  CHECK(asker.questions.empty());
}
