// Encrypted key files: when a passphrase is asked for, and how often.
#include <atomic>
#include <filesystem>
#include <thread>

#include "ssh/auth_support.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

TEST_CASE("an encrypted key is asked for once, whatever its form") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("rsa", "one"));
  const auto form = GENERATE(as<std::vector<std::string>>(), std::vector<std::string>{"-Z", "aes256-ctr"},
                             std::vector<std::string>{"-m", "PEM"}, std::vector<std::string>{"-m", "PKCS8"});
  const bool with_public_half = GENERATE(true, false);
  std::vector<std::string> options{"-N", passphrase};
  options.insert(options.end(), form.begin(), form.end());
  const std::string file = key_copy(folder, "rsa", "one", options);
  if (!with_public_half) std::filesystem::remove(file + ".pub");
  Asker asker{.answers = {passphrase}};
  Settings settings = given({file});
  settings.ask = asker.function();
  TestAuthenticator authenticator(settings);
  for (int i = 0; i < 2; ++i) {
    Client client(sshd);
    const auto result = client.log_in(authenticator);
    INFO((result ? "" : to_text(result.error())));
    CHECK(result);
  }
  CHECK(asker.questions == std::vector<std::string>{"passphrase of '" + file + "'"});
}

TEST_CASE("the passphrase is asked once for sessions that log in at the same time") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "one"));
  const std::string file = key_copy(folder, "ed25519", "one", {"-N", passphrase});
  constexpr int sessions = 5;
  std::atomic<int> at_the_key = 0;
  std::atomic<int> questions = 0;
  Settings settings = given({file});
  settings.ask = [&](const std::string&) {
    ++questions;
    CHECK(eventually([&] { return at_the_key == sessions; }));  // all of them want the answer
    return Secret(passphrase);
  };
  TestAuthenticator authenticator(settings);
  std::atomic<int> logged_in = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < sessions; ++i) {
      threads.emplace_back([&] {
        Client client(sshd);
        ++at_the_key;
        if (client.log_in(authenticator)) ++logged_in;
      });
    }
  }
  CHECK(questions == 1);
  CHECK(logged_in == sessions);
}

TEST_CASE("a wrong passphrase is asked for again, three times in all, and then never again") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "one"));
  const std::string file = key_copy(folder, "ed25519", "one", {"-N", passphrase});
  Settings settings = given({file});
  SECTION("right at last") {
    Asker asker{.answers = {"wrong", "wrong again", passphrase}};
    settings.ask = asker.function();
    expect_login(sshd, settings);
    CHECK(asker.questions == std::vector<std::string>{"passphrase of '" + file + "'",
                                                      "wrong passphrase; passphrase of '" + file + "'",
                                                      "wrong passphrase; passphrase of '" + file + "'"});
  }
  SECTION("never right") {
    Asker asker{.answers = {"wrong"}};
    settings.ask = asker.function();
    TestAuthenticator authenticator(settings);
    for (int i = 0; i < 2; ++i) {
      Client client(sshd);
      const auto result = client.log_in(authenticator);
      REQUIRE_FALSE(result);
      CHECK(result.error().message == "no key was accepted for user '" + SshdFixture::user() + "': " + file +
                                          ": encrypted, and the passphrase was wrong 3 times" + takes_keys);
    }
    CHECK(asker.questions.size() == 3);
  }
  SECTION("no answer") {
    Asker asker{.answers = {""}};
    settings.ask = asker.function();
    CHECK(refused_login(sshd, settings).message.ends_with(": encrypted, and no passphrase was given" + takes_keys));
    CHECK(asker.questions.size() == 1);
  }
}

TEST_CASE("no passphrase is asked for where the host does not want the key") {
  const TempDir folder;
  const SshdFixture sshd;
  Asker asker{.answers = {passphrase}};
  Settings settings = given({key_copy(folder, "ed25519", "one", {"-N", passphrase}), SshdFixture::client_key()});
  settings.ask = asker.function();
  expect_login(sshd, settings);
  CHECK(asker.questions.empty());
}

TEST_CASE("without a terminal an encrypted key is skipped, and the error says how to use it") {
  const TempDir folder;
  const SshdFixture sshd;
  const std::string file = key_copy(folder, "ed25519", "client", {"-N", passphrase});
  const Error error = refused_login(sshd, given({file}));
  CHECK(error.code == ErrorCode::auth);
  CHECK(error.message == "no key was accepted for user '" + SshdFixture::user() + "': " + file +
                             ": encrypted, and no terminal to ask for its passphrase (load it: ssh-add " + file + ")" + takes_keys);
}

TEST_CASE("a host that hangs up while the passphrase is awaited is a lost connection, and the answer is kept") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("rsa", "one"));
  int questions = 0;
  const bool tells = GENERATE(true, false);  // whose key it is, before it is opened
  std::vector<std::string> options{"-N", passphrase};
  if (!tells) options.insert(options.end(), {"-m", "PEM"});
  const std::string locked = key_copy(folder, "rsa", "one", options);
  if (!tells) std::filesystem::remove(locked + ".pub");
  Settings settings = given({key_pair("ed25519", "two"), locked});
  settings.ask = [&](const std::string&) {
    ++questions;
    sshd.kill_sessions();
    return Secret(passphrase);
  };
  TestAuthenticator authenticator(settings);
  Client client(sshd);
  const auto result = client.log_in(authenticator);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::lost);
  Client again(sshd);
  CHECK(again.log_in(authenticator));
  CHECK(questions == 1);
}

TEST_CASE("a key that stays locked does not keep the next one from logging in") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "one"));
  Asker asker{.answers = {""}};
  Settings settings = given({key_copy(folder, "ed25519", "one", {"-N", passphrase}), SshdFixture::client_key()});
  settings.ask = asker.function();
  expect_login(sshd, settings);
  CHECK(asker.questions.size() == 1);
}

TEST_CASE("no passphrase is asked for where ssh_config says BatchMode, and another host's answer is not used") {
  const TempDir folder;
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "one"));
  const std::string file = key_copy(folder, "ed25519", "one", {"-N", passphrase});
  Asker asker{.answers = {passphrase}};
  Settings settings = given({file});
  settings.ask = asker.function();
  TestAuthenticator authenticator(settings);
  const std::string refusal = "no key was accepted for user '" + SshdFixture::user() + "': " + file +
                              ": encrypted, and BatchMode is on in ssh_config (load it: ssh-add " + file + ")" + takes_keys;
  const auto refused = [&] {
    Client client(sshd);
    const auto result = client.log_in(authenticator);
    REQUIRE_FALSE(result);
    CHECK(result.error().message == refusal);
  };
  authenticator.host.login.batch = true;
  refused();
  CHECK(asker.questions.empty());
  authenticator.host.login.batch = false;
  CHECK(Client(sshd).log_in(authenticator));
  authenticator.host.login.batch = true;
  refused();
}

TEST_CASE("a passphrase is asked for as often as ssh_config says, NumberOfPasswordPrompts") {
  const TempDir folder;
  const SshdFixture sshd;
  const std::string file = key_copy(folder, "ed25519", "one", {"-N", passphrase});
  Asker asker{.answers = {"wrong"}};
  Settings settings = given({file});
  settings.ask = asker.function();
  settings.host.login.prompts = GENERATE(0, 1, 2);
  sshd.authorize(public_line("ed25519", "one"));
  const std::string why[] = {"NumberOfPasswordPrompts is 0 in ssh_config (load it: ssh-add " + file + ")", "the passphrase was wrong",
                             "the passphrase was wrong 2 times"};
  CHECK(refused_login(sshd, settings).message ==
        "no key was accepted for user '" + SshdFixture::user() + "': " + file + ": encrypted, and " + why[settings.host.login.prompts] + takes_keys);
  CHECK(asker.questions.size() == static_cast<std::size_t>(settings.host.login.prompts));
}
