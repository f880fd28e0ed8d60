// Round trips that are saved by sending ahead of the host's answers, and hosts with which that doesn't go.
#include "ssh/auth_support.h"
#include "ssh/libssh2_patches.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/relay.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

std::size_t connections(const SshdFixture& sshd) { return count_of(sshd.log(), "\nConnection from"); }
// A key that sshd was only asked about.
std::size_t questions(const SshdFixture& sshd) { return count_of(sshd.log(), "Postponed publickey"); }

}  // namespace

TEST_CASE("a host without the key exchange that is begun early is reached over a second connection, and the next one at once") {
  const SshdFixture sshd({.config = {"KexAlgorithms ecdh-sha2-nistp256,diffie-hellman-group14-sha256"}});
  const auto connector = ssh::make_connector(settings_for(sshd));
  for (const std::size_t expected : {ssh::libssh2_is_patched ? 2u : 1u, ssh::libssh2_is_patched ? 3u : 2u}) {
    auto session = connector->connect(target_for(sshd), {}, within(20s));
    REQUIRE(session);
    CHECK(step(**session, "echo here").out == "here\n");
    CHECK(connections(sshd) == expected);
  }
}

TEST_CASE("where ssh_config wants another key exchange, it is not begun early") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd);
  settings.host.kex = "ecdh-sha2-nistp256";
  CHECK(step(*open_session(target_for(sshd), settings), "echo here").out == "here\n");
  CHECK(connections(sshd) == 1);
}

TEST_CASE("the only key is shown with a signature at once; of several, the host is asked, until one of them has let somebody in") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd);
  open_session(target_for(sshd), settings);
  CHECK(questions(sshd) == (ssh::libssh2_is_patched ? 0 : 1));

  const SshdFixture other;
  settings = settings_for(other);
  settings.host.identities.insert(settings.host.identities.begin(), key_pair("ed25519", "stranger"));
  const auto connector = ssh::make_connector(settings);
  for (const std::size_t expected : {1u, ssh::libssh2_is_patched ? 1u : 2u}) {
    REQUIRE(connector->connect(target_for(other), {}, within(20s)));
    CHECK(questions(other) == expected);
  }
  CHECK(connections(other) == 2);
}

TEST_CASE("a host that takes another key than the others is asked over a second connection, and so are those after it at once") {
  const SshdFixture others;
  others.authorize(public_line("ed25519", "stranger"));
  const SshdFixture host({.config = {"MaxAuthTries 2"}});  // a refused signature and a question would be its end
  auto settings = settings_for(others);
  settings.host.known_hosts.push_back(host.known_hosts());
  settings.host.identities.insert(settings.host.identities.begin(), key_pair("ed25519", "stranger"));
  const auto connector = ssh::make_connector(settings);
  REQUIRE(connector->connect(target_for(others), {}, within(20s)));
  const std::size_t first = ssh::libssh2_is_patched ? 2 : 1;
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(connector->connect(target_for(host), {}, within(20s)));
    CHECK(connections(host) == first + i);
  }
}

TEST_CASE("an RSA key waits for the host to say which signatures it takes") {
  const SshdFixture sshd;
  sshd.authorize(public_line("rsa", "early"));
  auto settings = settings_for(sshd);
  settings.host.identities = {key_pair("rsa", "early")};
  CHECK(step(*open_session(target_for(sshd), settings), "echo here").out == "here\n");
  CHECK(connections(sshd) == 1);
}

TEST_CASE("a host that opens no channel says so, though a command was asked for on it already") {
  const SshdFixture sshd({.config = {"MaxSessions 0"}});
  const auto session = try_session(target_for(sshd), settings_for(sshd));
  REQUIRE_FALSE(session);
  CHECK(session.error().code == ErrorCode::connect);
  CHECK_THAT(session.error().message, Catch::Matchers::ContainsSubstring("starts no shell: the host opens no further channel"));
  CHECK_THAT(session.error().hint, Catch::Matchers::ContainsSubstring("MaxSessions"));
}

// TCP's connection is not seen by a relay. Then: greeting and key exchange, login with the command, and its answer.
TEST_CASE("a command is there after three round trips") {
  if (!ssh::libssh2_is_patched) return;
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  relay.delay(300ms);
  // On a busy machine one end may be so late that something of the other's passes it.
  int turns = 7;
  for (int tries = 0; tries < 3 && turns > 6; ++tries) {
    open_session(target_for(sshd, relay.port()), settings_for(sshd))->close();
    turns = relay.turns();
  }
  CHECK(turns <= 6);
}
