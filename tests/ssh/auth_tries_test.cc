// Hosts that want two things of who logs in, and hosts that allow few tries: the tries are OpenSSH's to count, which ssh itself gets in with.
#include "ssh/auth_support.h"
#include "ssh/libssh2_patches.h"
#include "ssh/password_host.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/skip.h"
#include "support/small_server.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> two_steps{"AuthenticationMethods publickey,keyboard-interactive", "UsePAM yes", "KbdInteractiveAuthentication yes"};

std::vector<std::string> with_tries(std::vector<std::string> lines, int tries) {
  lines.push_back("MaxAuthTries " + std::to_string(tries));
  return lines;
}

// By a connector: the error; an empty text is none.
Error connect_error(const SshdFixture& sshd, const Settings& settings) {
  auto session = try_session(target_for(sshd), settings, within(std::chrono::seconds(20)));
  return session ? Error(ErrorCode::internal, "") : session.error();
}

bool no_failures_are_told() { return is_skipped(!libssh2_is_patched, "this libssh2 doesn't tell what a host said to a failed login"); }

}  // namespace

TEST_CASE("a host that wants a key and then a password, or answers, gets both") {
  if (is_skipped_without_mounts()) return;
  const std::vector<std::string> key{SshdFixture::client_key(), key_pair("ed25519", "stranger")};
  const std::string name = SshdFixture::user();
  SECTION("a password") {
    const PasswordHost server({"AuthenticationMethods publickey,password", "PasswordAuthentication yes"});
    CHECK(try_login(server, given(key), always(right_password)).empty());
    CHECK(try_login(server, given(key), always("wrong")) == "no key and no password was accepted for user '" + name + "': " + key[0] +
                                                            ": not enough to log in; password: the secret 'LOGIN' was "
                                                            "refused; the host accepts: password");
    CHECK(try_login(server, given(key)) == "no key was accepted for user '" + name + "': " + key[0] +
                                           ": not enough to log in; the host accepts: password");
  }
  SECTION("answers") {
    const PasswordHost server({"AuthenticationMethods publickey,keyboard-interactive", "UsePAM yes", "KbdInteractiveAuthentication yes"},
                        "hide:Code:_=1234");
    Asker asker{.answers = {"1234"}};
    Settings settings = given(key);
    settings.ask = asker.function();
    CHECK(try_login(server, settings).empty());
    CHECK(asker.questions == std::vector<std::string>{"'" + name + "@web1' asks 'Code'"});
  }
  SECTION("the password first") {
    const PasswordHost server({"AuthenticationMethods password,publickey", "PasswordAuthentication yes"});
    CHECK(try_login(server, given(key), always(right_password)).empty());
  }
}

namespace {

// A whole session, after one question.
void check_session_by_one_answer(const PasswordHost& server, Settings settings) {
  Asker asker{.answers = {right_password}};
  settings.ask = asker.function();
  auto session = try_session(target_for(server.sshd), settings, within(std::chrono::seconds(20)));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(step(**session, "echo here").out == "here\n");
  CHECK(asker.questions.size() == 1);
}

}  // namespace

TEST_CASE("a host that hangs up after too many keys is asked again without them, with a password") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server({"PasswordAuthentication yes", "MaxAuthTries 2"});
  auto settings = settings_for(server.sshd);
  settings.host.identities = {key_pair("ed25519", "stranger"), key_pair("ed25519", "one"), key_pair("ed25519", "two")};
  check_session_by_one_answer(server, std::move(settings));
}

TEST_CASE("where a key is not enough, the control channel is asked for behind the whole login") {
  if (is_skipped_without_mounts()) return;
  const PasswordHost server({"AuthenticationMethods publickey,password", "PasswordAuthentication yes"});
  auto settings = settings_for(server.sshd);
  check_session_by_one_answer(server, std::move(settings));
}


TEST_CASE("a key that is not enough, and the answers behind it, cost no try") {
  if (is_skipped_without_mounts() || no_failures_are_told()) return;
  const int tries = GENERATE(1, 2);
  const PasswordHost host(with_tries(two_steps, tries), "hide:Code:_=1234");
  Asker asker{.answers = {"1234"}};
  Settings settings = settings_for(host.sshd);
  settings.ask = asker.function();
  if (tries == 2) settings.host.identities.insert(settings.host.identities.begin(), key_pair("ed25519", "stranger"));
  const Error error = connect_error(host.sshd, settings);
  CHECK(to_text(error) == to_text(Error(ErrorCode::internal, "")));
  CHECK(asker.questions.size() == 1);
}

TEST_CASE("one key where a host wants two is not told as refused, and a second one is tried") {
  if (no_failures_are_told()) return;
  const SshdFixture sshd({.host_keys = {"ed25519"}, .config = {"AuthenticationMethods publickey,publickey"}});
  const std::vector<std::string> keys{key_pair("ed25519", "stranger"), SshdFixture::client_key(), key_pair("ed25519", "second")};
  CHECK_THAT(refused_login(sshd, given(keys)).message,
             ContainsSubstring(keys[0] + ": refused; " + keys[1] + ": not enough to log in; " + keys[2] + ": refused; the host accepts: publickey"));
  sshd.authorize(public_line("ed25519", "second"));
  expect_login(sshd, given(keys));
}

TEST_CASE("a host that takes no keys is shown no second one") {
  if (no_failures_are_told()) return;
  const SshdFixture sshd({.host_keys = {"ed25519"}, .config = {"PubkeyAuthentication no", "PasswordAuthentication yes", "LogLevel DEBUG1"}});
  const std::string first = key_pair("ed25519", "one");
  CHECK_THAT(refused_login(sshd, given({first, key_pair("ed25519", "two")})).message,
             ContainsSubstring(first + ": refused; the host accepts: password"));
}

TEST_CASE("where a host takes no key, and there is none, nobody is told to make one") {
  const TempDir folder;
  const SshdFixture sshd({.host_keys = {"ed25519"}, .config = {"PubkeyAuthentication no", "PasswordAuthentication yes"}});
  Settings settings;
  settings.host.identities = {folder / "id_ed25519"};
  const Error error = refused_login(sshd, settings);
  CHECK_THAT(error.message, ContainsSubstring("; the host accepts: password"));
  CHECK_THAT(error.hint, ContainsSubstring("it takes no key: run it at a terminal, where you are asked, or name a secret"));
}

TEST_CASE("what other servers than OpenSSH's say to a refused key is told, too") {
  const auto kind = GENERATE(SmallServer::Kind::dropbear, SmallServer::Kind::tinysshd);
  if (no_failures_are_told()) return;
  if (is_skipped(!can_replace_files() || !SmallServer::is_installed(kind), "the server needs root, and its package")) return;
  const SmallServer server({.kind = kind});
  const TempDir folder;
  Settings settings = given({key_pair("ed25519", "stranger"), key_pair("ed25519", "one")});
  settings.host.known_hosts = {folder.write("known_hosts", server.known_hosts_lines("127.0.0.1", server.port()))};
  const auto session = try_session({"web1", "127.0.0.1", server.port(), SshdFixture::user()}, settings, within(std::chrono::seconds(20)));
  REQUIRE_FALSE(session);
  CHECK(session.error().code == ErrorCode::auth);
  CHECK_THAT(session.error().message, ContainsSubstring(settings.host.identities[0] + ": refused; " + settings.host.identities[1] + ": refused; the host accepts: publickey"));
}

TEST_CASE("the key behind which a host takes no more tries is named") {
  const SshdFixture sshd({.host_keys = {"ed25519"}, .config = {"MaxAuthTries 1"}});
  Settings settings = settings_for(sshd);
  settings.host.identities = {key_pair("ed25519", "stranger"), SshdFixture::client_key()};
  const Error error = connect_error(sshd, settings);
  CHECK(error.code == ErrorCode::auth);
  CHECK_THAT(error.message, ContainsSubstring(settings.host.identities[0] + ": refused, and the host takes no more tries; not tried any more: " +
                                              settings.host.identities[1]));
}

TEST_CASE("a typed password behind which a host takes no more tries is asked for anew, over one more connection") {
  if (is_skipped_without_mounts()) return;
  const auto& lines = GENERATE(as<std::vector<std::string>>(), by_password, by_questions);
  const PasswordHost host(with_tries(lines, libssh2_is_patched ? 2 : 3));  // the key is one, and the question for the methods
  Settings settings = settings_for(host.sshd);
  settings.host.identities = {key_pair("ed25519", "stranger")};
  SECTION("right then") {
    Asker asker{.answers = {"wrong", right_password}};
    settings.ask = asker.function();
    CHECK(connect_error(host.sshd, settings).message.empty());
    CHECK(asker.questions.size() == 2);
  }
  SECTION("wrong again") {
    Asker asker{.answers = {"wrong"}};
    settings.ask = asker.function();
    CHECK_THAT(connect_error(host.sshd, settings).message, ContainsSubstring(": refused, and the host takes no more tries"));
  }
}
