// Hosts behind jump hosts: the ways there, and what is said where there is none. All servers are real ones.
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <thread>
#include <vector>

#include "ssh/jump_support.h"
#include "ssh/libssh2_patches.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/skip.h"
#include "support/small_server.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

int logins_on(const SshdFixture& sshd) {
  const std::string log = sshd.log();
  int count = 0;
  for (auto at = log.find("Accepted publickey"); at != std::string::npos; at = log.find("Accepted publickey", at + 1))
    ++count;
  return count;
}

int free_port() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.sin_port);
}

}  // namespace

TEST_CASE("a host behind a jump host takes 64 MiB, and gives as much back") {
  const SshdFixture bastion;
  const SshdFixture db1;
  Network network({{"bastion", named("bastion", bastion)}});
  auto session = network.must_log_in(named("db1", db1), {"bastion"});
  const std::string bytes = noise(64u << 20u);
  CHECK(output_of(*session, "sha256sum", bytes) == sha256_of(bytes) + "  -\n");
  CHECK(output_of(*session, "head -c 67108864 /dev/zero | sha256sum") ==
        sha256_of(output_of(*session, "head -c 67108864 /dev/zero")) + "  -\n");
  CHECK(logins_on(bastion) == 1);
  CHECK(logins_on(db1) == 1);
}

TEST_CASE("a chain of jump hosts leads to a host, each reached through the one before") {
  const SshdFixture first;
  const SshdFixture second({.config = {"PermitOpen any"}});
  const SshdFixture third;
  const SshdFixture db1;
  Network network(
      {{"first", named("first", first)}, {"second", named("second", second)}, {"third", named("third", third)}});
  auto session = network.must_log_in(named("db1", db1), {"first", "second", "third"});
  const std::string bytes = noise(4u << 20u);
  CHECK(output_of(*session, "sha256sum", bytes) == sha256_of(bytes) + "  -\n");
  // Another host at the end of a part of the chain: nobody is logged in on anew.
  auto other = network.must_log_in(named("db2", db1), {"first", "second"});
  CHECK(output_of(*other, "echo hello") == "hello\n");
  CHECK(logins_on(first) == 1);
  CHECK(logins_on(second) == 1);
  CHECK(logins_on(third) == 1);
  CHECK(network.jump_hosts().logins() == 3);
}

TEST_CASE("a jump host is reached as its own settings say, and settings in a circle are told") {
  const SshdFixture gate;
  const SshdFixture bastion;
  const SshdFixture db1;
  Network network({{"gate", named("gate", gate)}, {"bastion", named("bastion", bastion)}});
  network.own_jumps["bastion"] = {"gate"};
  SECTION("as they say") {
    auto session = network.must_log_in(named("db1", db1), {"bastion"});
    CHECK(output_of(*session, "echo hello") == "hello\n");
    CHECK(logins_on(gate) == 1);
  }
  SECTION("in a circle") {
    network.own_jumps["gate"] = {"bastion"};
    const auto error = error_of(network.log_in(named("db1", db1), {"bastion"}));
    CHECK(error.code == ErrorCode::connect);
    CHECK(message_of(error) ==
          "jump host 'bastion': jump host 'gate': jump host 'bastion' is reached through 'gate', and that through "
          "'bastion'");
    CHECK(error.host == "db1");
  }
}

TEST_CASE("forty hosts at the same time share one login on their jump host", "[many]") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Network network({{"bastion", named("bastion", bastion)}});
  std::vector<std::string> said(40);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < said.size(); ++i) {
      threads.emplace_back([&, i] {
        const std::string bytes = noise(200'000 + i * 1000);
        auto session = network.log_in(named("db" + std::to_string(i), hosts), {"bastion"}, within(60s));
        said[i] = !session                                                                 ? to_text(session.error())
                  : output_of(**session, "sha256sum", bytes) == sha256_of(bytes) + "  -\n" ? "right"
                                                                                           : "wrong";
      });
    }
  }
  CHECK(said == std::vector<std::string>(40, "right"));
  CHECK(logins_on(hosts) == 40);
  CHECK(logins_on(bastion) == 1);
  CHECK(network.jump_hosts().logins() == 1);
}

TEST_CASE("what a jump host refuses that is no OpenSSH's is told likewise") {
  if (is_skipped(!can_replace_files() || !SmallServer::is_installed(SmallServer::Kind::dropbear), "dropbear needs root, and its package")) return;
  const SmallServer dropbear(SmallServer::Options{});
  Network network({{"bastion", {"bastion", "127.0.0.1", dropbear.port(), SshdFixture::user()}}});
  const auto error = error_of(network.log_in({"db1", "127.0.0.1", free_port(), SshdFixture::user()}, {"bastion"}));
  INFO(to_text(error));
  CHECK(error.message.ends_with(ssh::libssh2_is_patched ? "): it says 'connect failed: Connection refused'" : "): it says 'connect failed'"));
  CHECK(error.hint.find(" nc -vz 127.0.0.1 ") != std::string::npos);
}

TEST_CASE("what a jump host refuses is told in its words, with the next step") {
  const SshdFixture bastion({.config = {"AllowTcpForwarding no"}});
  const SshdFixture open;
  Network network({{"bastion", named("bastion", bastion)}, {"open", named("open", open)}});
  SECTION("no forwarding") {
    const auto error = error_of(network.log_in(named("db1", open), {"bastion"}));
    CHECK(error.code == ErrorCode::connect);
    CHECK(error.host == "db1");
    CHECK(error.message == "jump host 'bastion' can't reach 'db1' (127.0.0.1 port " + std::to_string(open.port()) +
                               "): it says 'administratively prohibited" + (ssh::libssh2_is_patched ? ": open failed'" : "'"));
    CHECK(error.hint == "allow it in the jump host's sshd_config: AllowTcpForwarding, DisableForwarding, PermitOpen");
  }
  SECTION("a port that nobody listens on, and the login is still of use") {
    const std::string port = std::to_string(free_port());
    const auto error = error_of(network.log_in({"db1", "127.0.0.1", std::stoi(port), SshdFixture::user()}, {"open"}));
    CHECK(error.code == ErrorCode::connect);
    CHECK(error.message ==
          "jump host 'open' can't reach 'db1' (127.0.0.1 port " + port + "): it says 'connect failed" + (ssh::libssh2_is_patched ? ": Connection refused'" : "'"));
    CHECK(error.hint.ends_with(" nc -vz 127.0.0.1 " + port));
    auto session = network.must_log_in(named("db2", open), {"open"});
    CHECK(output_of(*session, "echo hello") == "hello\n");
    CHECK(network.jump_hosts().logins() == 1);
  }
}

TEST_CASE("a jump host that lets nobody in is an error of all hosts behind it, asked once") {
  const SshdFixture bastion({.config = {"PubkeyAuthentication no"}});
  const SshdFixture hosts;
  Network network({{"bastion", named("bastion", bastion)}});
  std::vector<Error> errors(10);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < errors.size(); ++i) {
      threads.emplace_back(
          [&, i] { errors[i] = error_of(network.log_in(named("db" + std::to_string(i), hosts), {"bastion"})); });
    }
  }
  errors.push_back(error_of(network.log_in(named("db10", hosts), {"bastion"})));
  for (std::size_t i = 0; i < errors.size(); ++i) {
    CHECK(errors[i].code == ErrorCode::auth);
    CHECK(errors[i].host == "db" + std::to_string(i));
    CHECK(message_of(errors[i]).starts_with("jump host 'bastion': "));
  }
  CHECK(network.jump_hosts().logins() == 1);
}

TEST_CASE("a jump host that is lost closes the ways of all hosts behind it, which know why") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Relay relay(bastion.address(), bastion.port());
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  network.hop_keepalive = 1s;
  auto one = network.must_log_in(named("db1", hosts), {"bastion"});
  auto other = network.must_log_in(named("db2", hosts), {"bastion"});
  Listener listener(*other);
  auto upload = ssh::Channel::open(*one, "cat >/dev/null", 20s, {});
  REQUIRE(upload);
  const std::string bytes = noise(1u << 20u);
  const auto send_on = [&](std::size_t amount) {
    for (std::size_t sent = 0; sent < amount && !one->lost();) {
      const auto n = one->may_write() ? upload->write(std::string_view(bytes).substr(sent % bytes.size())) : 0;
      sent += n;
      if (n == 0) one->wait(Deadline::in(20s));
    }
  };
  send_on(8u << 20u);
  REQUIRE_FALSE(one->lost());
  std::string cause;
  SECTION("its sessions are killed in the middle of a transfer") { bastion.kill_sessions(); }
  SECTION("the network to it is cut") { relay.cut(); }
  SECTION("the network to it drops everything") {
    relay.freeze();
    cause = "no sign of life for";
  }
  send_on(1u << 30u);
  for (const std::string& loss : {one->loss(), listener.loss()}) {
    INFO(loss);
    CHECK(loss.starts_with("the jump host 'bastion' was lost: " + cause));
    CHECK(loss.size() > 40);
  }
  // Whoever comes now has it logged in on anew.
  relay.thaw();
  auto again = network.must_log_in(named("db3", hosts), {"bastion"});
  CHECK(output_of(*again, "echo hello") == "hello\n");
}

TEST_CASE("the loss of the first of two jump hosts is told as such") {
  const SshdFixture gate;
  const SshdFixture bastion;
  const SshdFixture hosts;
  Network network({{"gate", named("gate", gate)}, {"bastion", named("bastion", bastion)}});
  auto session = network.must_log_in(named("db1", hosts), {"gate", "bastion"});
  Listener listener(*session);
  gate.kill_sessions();
  CHECK(listener.loss() == "the jump host 'bastion' was lost: the jump host 'gate' was lost: the host closed it");
}

TEST_CASE("who stops waiting for a jump host's login leaves it to the others") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Relay relay(bastion.address(), bastion.port());
  relay.freeze();
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  std::stop_source stop;
  Error stopped, late;
  Result<std::unique_ptr<ssh::Session>> session = std::unexpected(Error());
  {
    std::jthread first(
        [&] { stopped = error_of(network.log_in(named("db1", hosts), {"bastion"}, within(60s, stop.get_token()))); });
    REQUIRE(eventually([&] { return relay.connections() == 1; }));
    std::jthread second([&] { late = error_of(network.log_in(named("db2", hosts), {"bastion"}, within(300ms))); });
    // Made, used and destroyed by one thread.
    std::jthread third([&] {
      session = network.log_in(named("db3", hosts), {"bastion"}, within(60s));
      if (session) CHECK(output_of(**session, "echo hello") == "hello\n");
    });
    second.join();
    const auto before = Deadline::Clock::now();
    stop.request_stop();
    first.join();
    CHECK(Deadline::Clock::now() - before < 5s);
    relay.thaw();
  }
  CHECK(stopped.code == ErrorCode::cancelled);
  CHECK(late.code == ErrorCode::timeout);
  CHECK(late.message.ends_with("logging in on jump host 'bastion' took over 0 s"));
  CHECK(session);
  CHECK(relay.connections() == 1);
}

TEST_CASE("a login on a jump host that nobody waits for any more ends, and begins anew for who comes next") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Relay relay(bastion.address(), bastion.port());
  relay.freeze();
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  network.settings().host.connect_timeout = 60s;
  CHECK(error_of(network.log_in(named("db1", hosts), {"bastion"}, within(500ms))).code == ErrorCode::timeout);
  relay.thaw();
  auto session = network.must_log_in(named("db1", hosts), {"bastion"});
  CHECK(output_of(*session, "echo hello") == "hello\n");
  CHECK(network.jump_hosts().logins() == 2);
}

TEST_CASE("hosts that come and go leave nothing at the jump host, and an unused login ends") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Network network({{"bastion", named("bastion", bastion)}}, 1s);
  for (int i = 0; i < 5; ++i) {
    auto session = network.must_log_in(named("db1", hosts), {"bastion"});
    CHECK(output_of(*session, "echo hello") == "hello\n");
  }
  CHECK(network.jump_hosts().logins() == 1);
  CHECK(eventually([&] { return hosts.server_processes().empty(); }));
  CHECK(eventually([&] { return bastion.server_processes().empty(); }));
  auto session = network.must_log_in(named("db1", hosts), {"bastion"});
  CHECK(output_of(*session, "echo hello") == "hello\n");
  CHECK(network.jump_hosts().logins() == 2);
  // Nor does one whose host has stopped to listen.
  hosts.pause();
  session.reset();
  CHECK(eventually([&] { return bastion.server_processes().empty(); }));
}

TEST_CASE("the end of all ways is quick, whatever is under way") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  std::unique_ptr<ssh::Session> session;
  std::optional<Listener> listener;
  auto before = Deadline::Clock::now();
  {
    Network network({{"bastion", named("bastion", bastion)}});
    session = network.must_log_in(named("db1", hosts), {"bastion"});
    listener.emplace(*session);
    bastion.pause();
    before = Deadline::Clock::now();
  }
  CHECK(Deadline::Clock::now() - before < 5s);
  bastion.resume();
  CHECK(listener->loss() == "the connection to the jump host 'bastion' was closed");
}
