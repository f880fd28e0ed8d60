// Hosts behind one jump host that don't keep pace: they have to leave the others alone, and the memory here.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ssh/jump_support.h"
#include "ssh/libssh2_patches.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/skip.h"
#include "support/small_server.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// Listens on a port of the kernel's choice, which `name` then has.
Fd listening_with_queue(int backlog, sockaddr_in& name) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || ::listen(listener.get(), backlog) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw std::runtime_error("can't listen");
  }
  return listener;
}

// Listens, and never answers; on a port whose queue is full: nobody even comes through.
class DeadHost {
 public:
  DeadHost() {
    sockaddr_in name{};
    listener_ = listening_with_queue(0, name);
    port_ = ntohs(name.sin_port);
    for (auto& fd : fill_) {
      fd = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
    }
  }
  [[nodiscard]] ssh::Target target(const std::string& name) const {
    return {name, "127.0.0.1", port_, SshdFixture::user()};
  }

 private:
  Fd listener_;
  Fd fill_[4];
  int port_ = 0;
};

// Sends zeros to the first who connects, as many as are taken.
class Endless {
 public:
  Endless() {
    sockaddr_in name{};
    listener_ = listening_with_queue(1, name);
    port_ = ntohs(name.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      const Fd peer(::accept(listener_.get(), nullptr, nullptr));
      const std::stop_callback ends(stop, [&] { ::shutdown(peer.get(), SHUT_RDWR); });
      const std::vector<char> zeros(65536);
      while (::send(peer.get(), zeros.data(), zeros.size(), MSG_NOSIGNAL) > 0) continue;
    });
  }
  ~Endless() { ::shutdown(listener_.get(), SHUT_RDWR); }  // where nobody has come
  Endless(const Endless&) = delete;
  Endless& operator=(const Endless&) = delete;
  [[nodiscard]] int port() const { return port_; }

 private:
  Fd listener_;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace

TEST_CASE("a host that reads nothing doesn't hold up the others behind its jump host") {
  const SshdFixture bastion;
  const SshdFixture hosts;
  Network network({{"bastion", named("bastion", bastion)}});
  // Both ways: one sends what the host doesn't take, one doesn't take what the host sends.
  auto deaf = network.must_log_in(named("db1", hosts), {"bastion"});
  auto mute = network.must_log_in(named("db2", hosts), {"bastion"});
  auto unread = ssh::Channel::open(*mute, "cat /dev/zero", 20s, {});
  REQUIRE(unread);
  deaf->wait(Deadline::in(0s));
  auto stuffed = ssh::Channel::open(*deaf, "echo started; kill -STOP $PPID; cat >/dev/null", 20s, {});
  REQUIRE(stuffed);
  auto fast = network.must_log_in(named("db3", hosts), {"bastion"});
  const std::string bytes = noise(16u << 20u);
  const std::string sum = sha256_of(bytes) + "  -\n";
  for (int i = 0; i < 200; ++i) {  // as much as goes in
    while (stuffed->write(bytes) > 0 && deaf->may_write()) continue;
    deaf->wait(Deadline::in(5ms));
  }
  const auto before = Deadline::Clock::now();
  CHECK(output_of(*fast, "sha256sum", bytes) == sum);
  CHECK(output_of(*fast, "head -c 16777216 /dev/zero").size() == 16'777'216);
  CHECK(Deadline::Clock::now() - before < 20s);
  CHECK(network.jump_hosts().logins() == 1);
}

TEST_CASE("what a host sends and nobody reads waits at the jump host, not in memory here") {
  const SshdFixture bastion;
  Relay relay(bastion.address(), bastion.port(), true);
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  // No SSH session behind it, whose own window would hold the host back before that.
  Endless endless;
  auto passage = network.jump_hosts().connect(by({"bastion"}), {"db1", "127.0.0.1", endless.port(), ""}, 10s, within(20s));
  REQUIRE(passage);
  const auto settled = [&, last = relay.bytes_down()]() mutable {
    const auto now = relay.bytes_down();
    return std::exchange(last, now) == now;
  };
  std::vector<char> buffer(65536);
  std::size_t taken = 0;
  for (int i = 0; i < 150; ++i) {
    // In pieces, so that the tunnel goes on and has to stop again and again.
    REQUIRE(eventually([&] {
      const auto n = ::recv(passage->socket.get(), buffer.data(), buffer.size(), 0);
      taken += n > 0 ? static_cast<std::size_t>(n) : 0;
      return n > 0;
    }));
    REQUIRE(eventually(settled));
    // The tunnel's twice 1 MiB, and what sockets and the cipher add.
    REQUIRE(relay.bytes_down() < taken + (4u << 20u));
  }
  CHECK(relay.bytes_down() > taken + (1u << 20u));
  CHECK(taken > 4'000'000);
}

TEST_CASE("hosts behind a jump host don't wait for each other's channels") {
  if (is_skipped(!ssh::libssh2_is_patched, "this libssh2 opens one channel at a time")) return;
  constexpr int hosts = 20;
  std::optional<SshdFixture> openssh;
  std::optional<SmallServer> dropbear;
  if (GENERATE(false, true)) {
    if (is_skipped(!can_replace_files() || !SmallServer::is_installed(SmallServer::Kind::dropbear), "dropbear needs root, and its package")) return;
    dropbear.emplace(SmallServer::Options{});
  } else {
    openssh.emplace();
  }
  Relay relay("127.0.0.1", dropbear ? dropbear->port() : openssh->port());
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  sockaddr_in name{};
  const Fd silent = listening_with_queue(2 * hosts, name);
  const auto passage = [&] { return network.jump_hosts().connect(by({"bastion"}), {"db", "127.0.0.1", ntohs(name.sin_port), ""}, 60s, within(60s)); };
  const auto first = passage();
  REQUIRE(first);
  relay.delay(250ms);
  const int before = relay.turns();
  std::atomic<int> through = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < hosts; ++i) {
      threads.emplace_back([&] { through += passage() ? 1 : 0; });
    }
  }
  CHECK(through == hosts);
  CHECK(relay.turns() - before < hosts);  // one after the other they are two each
}

TEST_CASE("hosts that don't answer the jump host hold up no other host for long", "[slow]") {
  if (is_skipped(!ssh::libssh2_is_patched, "this libssh2 opens one channel at a time, so each such host holds up a login")) return;
  const SshdFixture bastion({.config = {"LogLevel DEBUG1"}});
  const SshdFixture hosts;
  const DeadHost dead;
  Network network({{"bastion", named("bastion", bastion)}});
  std::vector<Error> errors(4);
  std::vector<std::jthread> waiting;
  for (Error& error : errors) {
    waiting.emplace_back([&] { error = error_of(network.log_in(dead.target("db"), {"bastion"}, within(12s))); });
  }
  const std::string asked = "target 127.0.0.1 port " + std::to_string(dead.target("").port);
  REQUIRE(eventually([&] { return count_of(bastion.log(), asked) == errors.size(); }));
  auto session = network.log_in(named("db5", hosts), {"bastion"}, within(10s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(output_of(**session, "echo hello") == "hello\n");
  CHECK(network.jump_hosts().logins() == 2);
  waiting.clear();
  for (const Error& error : errors) CHECK(error.code == ErrorCode::timeout);
}

TEST_CASE("where a jump host is lost while channels are opened, one host hears of it, and the others go by another login") {
  if (is_skipped(!ssh::libssh2_is_patched, "this libssh2 opens one channel at a time")) return;
  const SshdFixture bastion({.config = {"LogLevel DEBUG1"}});
  Relay relay(bastion.address(), bastion.port());
  const DeadHost dead;
  Network network({{"bastion", {"bastion", "127.0.0.1", relay.port(), SshdFixture::user()}}});
  std::vector<Error> errors(4);
  {
    std::vector<std::jthread> waiting;
    for (Error& error : errors) {
      waiting.emplace_back([&] { error = error_of(network.log_in(dead.target("db"), {"bastion"}, within(8s))); });
    }
    const std::string asked = "target 127.0.0.1 port " + std::to_string(dead.target("").port);
    REQUIRE(eventually([&] { return count_of(bastion.log(), asked) == errors.size(); }));
    relay.cut();
  }
  CHECK(std::ranges::count(errors, ErrorCode::lost, &Error::code) == 1);
  CHECK(std::ranges::count(errors, ErrorCode::timeout, &Error::code) == 3);
  CHECK(network.jump_hosts().logins() == 2);
}

TEST_CASE("a host that doesn't answer the jump host times out alone, and others go beside it or another way") {
  const SshdFixture bastion({.config = {"LogLevel DEBUG1"}});
  const SshdFixture hosts;
  const DeadHost dead;
  Network network({{"bastion", named("bastion", bastion)}});
  network.settings().host.connect_timeout = 3s;
  auto before = network.must_log_in(named("db0", hosts), {"bastion"});
  Error error;
  std::jthread waits([&] { error = error_of(network.log_in(dead.target("db1"), {"bastion"}, within(60s))); });
  const std::string asked =
      "originator 127.0.0.1 port 65535, target 127.0.0.1 port " + std::to_string(dead.target("").port);
  // Behind it in the same session it would have to wait all that time, where channels are opened one after the other.
  const auto started = Deadline::Clock::now();
  REQUIRE(eventually([&] { return bastion.log().find(asked) != std::string::npos; }));
  auto session = network.log_in(named("db2", hosts), {"bastion"}, within(10s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(Deadline::Clock::now() - started < 10s);
  CHECK(output_of(**session, "echo hello") == "hello\n");
  CHECK(output_of(*before, "echo hello") == "hello\n");
  waits.join();
  CHECK(error.code == ErrorCode::timeout);
  CHECK(error.message.starts_with("jump host 'bastion' did not reach 'db1' (127.0.0.1 port "));
  CHECK(error.message.ends_with(" in 3 s"));
  CHECK(network.jump_hosts().logins() == (ssh::libssh2_is_patched ? 1 : 2));
}

TEST_CASE("a jump host that falls silent over a host is named with that one in time, and others go by a login of their own", "[slow]") {
  if (is_skipped(!ssh::libssh2_is_patched, "this libssh2 opens one channel at a time")) return;
  const SshdFixture bastion, hosts;
  Network network({{"bastion", named("bastion", bastion)}});
  network.settings().host.connect_timeout = 5s;
  const auto before = network.must_log_in(named("db0", hosts), {"bastion"});
  bastion.pause();  // as OpenSSH's server does while it looks up a name
  const int several = GENERATE(1, 3);
  std::vector<Error> errors(static_cast<std::size_t>(several));
  {
    std::vector<std::jthread> waiting;
    for (Error& error : errors) {
      waiting.emplace_back([&] { error = error_of(network.log_in(named("db1", hosts), {"bastion"}, within(60s))); });
    }
  }
  bastion.resume();
  INFO(to_text(errors.front()));
  if (several == 1) {
    CHECK(errors.front().code == ErrorCode::timeout);
    CHECK(errors.front().message == "jump host 'bastion' did not reach 'db1' (127.0.0.1 port " + std::to_string(hosts.port()) + ") in 5 s");
  } else {
    CHECK(std::ranges::count(errors, std::string(), &Error::message) == several);
    CHECK(network.jump_hosts().logins() == 4);
  }
}
