// Logins that wait, end early or run beside each other.
#include <atomic>
#include <thread>

#include "ssh/auth_support.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

TEST_CASE("an agent that hangs costs its time limit, is named, and the files are tried") {
  const TempDir folder;
  const MuteSocket mute(folder / "mute");
  const SshdFixture sshd;
  Settings settings;
  settings.host.agent_socket = mute.path();
  settings.host.identities = {key_pair("ed25519", "one")};
  TestAuthenticator authenticator(settings);
  for (int i = 0; i < 3; ++i) {  // waited for once
    Client client(sshd);
    const auto result = client.log_in(authenticator);
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "no key was accepted for user '" + SshdFixture::user() + "': " +
                                        key_pair("ed25519", "one") + ": refused; the ssh-agent does not answer" + takes_keys);
  }
  sshd.authorize(public_line("ed25519", "one"));
  Client client(sshd);
  CHECK(client.log_in(authenticator));
}

TEST_CASE("a host that goes away during the login is a lost connection") {
  SshdFixture sshd;
  TestAuthenticator authenticator(given({SshdFixture::client_key()}));
  Client client(sshd);
  sshd.stop();
  const auto result = client.log_in(authenticator);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::lost);
}

TEST_CASE("a login ends when it is told to stop, whatever it waits for") {
  const TempDir folder;
  const SshdFixture sshd;
  std::stop_source stop;
  const Wait wait{Deadline::never(), stop.get_token()};
  Client client(sshd);
  SECTION("for the host") {
    sshd.pause();
    TestAuthenticator authenticator(given({SshdFixture::client_key()}));
    std::jthread stopper([&] { stop.request_stop(); });
    const auto result = client.log_in(authenticator, wait);
    sshd.resume();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::cancelled);
  }
  SECTION("for the agent") {
    const MuteSocket mute(folder / "mute");
    Settings settings;
    settings.host.agent_socket = mute.path();
    TestAuthenticator authenticator(settings);
    std::jthread stopper([&] { stop.request_stop(); });
    const auto result = client.log_in(authenticator, wait);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::cancelled);
  }
  SECTION("for a passphrase that another session asks for") {
    sshd.authorize(public_line("ed25519", "one"));
    std::atomic<bool> asked = false;
    std::atomic<bool> stopped = false;
    Settings settings = given({key_copy(folder, "ed25519", "one", {"-N", passphrase})});
    settings.ask = [&](const std::string&) {
      asked = true;
      CHECK(eventually([&] { return stopped.load(); }));
      return Secret(passphrase);
    };
    TestAuthenticator authenticator(settings);
    std::jthread other([&] {
      Client first(sshd);
      CHECK(first.log_in(authenticator));
    });
    REQUIRE(eventually([&] { return asked.load(); }));
    std::jthread stopper([&] { stop.request_stop(); });
    const auto result = client.log_in(authenticator, wait);
    stopped = true;
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::cancelled);
  }
}

TEST_CASE("a host that falls silent during the login is a timeout at the deadline") {
  const SshdFixture sshd;
  TestAuthenticator authenticator(given({SshdFixture::client_key()}));
  Client client(sshd);
  sshd.pause();
  std::stop_source stop;
  const auto result = client.log_in(authenticator, {Deadline::in(std::chrono::milliseconds(50)), stop.get_token()});
  sshd.resume();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::timeout);
}

TEST_CASE("a hundred sessions share one authenticator", "[many]") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one"), key_pair("rsa", "one")});
  const SshdFixture sshd;
  sshd.authorize(public_line("rsa", "one"));
  Settings settings;
  settings.host.agent_socket = agent.socket();
  TestAuthenticator authenticator(settings);
  std::atomic<int> next = 0;
  std::atomic<int> logged_in = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&] {
        while (next++ < 100) {
          Client client(sshd);
          if (client.log_in(authenticator)) ++logged_in;
        }
      });
    }
  }
  CHECK(logged_in == 100);
}
