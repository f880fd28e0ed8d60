// The way to a session: addresses, algorithms, hosts that refuse, wait, or say nothing.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "core/fd.h"
#include "ssh/libssh2_patches.h"
#include "ssh/session_support.h"
#include "ssh/socket.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/skip.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string port_text(const SshdFixture& sshd) { return std::to_string(sshd.port()); }

}  // namespace

TEST_CASE("a host can be named, and be on several addresses of which not all answer") {
  const SshdFixture sshd;  // on 127.0.0.1 alone; 'localhost' is often ::1 first
  auto target = target_for(sshd);
  target.address = "localhost";
  sshd.folder().write("known_hosts", sshd.known_hosts_lines("localhost", sshd.port()));
  auto session = open_session(target, settings_for(sshd));
  CHECK(step(*session, "echo here").out == "here\n");
}

TEST_CASE("a port where nobody listens is refused at once") {
  ssh::Target target;
  {
    const SshdFixture sshd;
    target = target_for(sshd);
  }
  const auto error = error_of(target, {});
  const std::string place = "(127.0.0.1 port " + std::to_string(target.port) + ")";
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message == "can't connect to 'web1' " + place + ": connection refused");
  CHECK(error.hint == "check that the host is up and that port " + std::to_string(target.port) +
                          " is reachable: ssh -p " + std::to_string(target.port) + " " + SshdFixture::user() +
                          "@127.0.0.1");
  CHECK(error.host == "web1");
}

TEST_CASE("a host that resets a connection which it has just taken is no port where nobody listens") {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), size) == 0);
  REQUIRE(::listen(listener.get(), 100) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  constexpr int connections = 500;  // now and then the reset is there before anybody has looked whether the connection stands
  const std::jthread host([&] {
    for (int i = 0; i < connections; ++i) {
      const Fd taken(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const linger hard{1, 0};
      ::setsockopt(taken.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
  });
  int connected = 0;
  for (int i = 0; i < connections; ++i) {
    if (ssh::connect_socket({"web1", "127.0.0.1", ntohs(name.sin_port), "deploy"}, {}, within(30s))) ++connected;
  }
  CHECK(connected == connections);
}

TEST_CASE("a name without an address is an error that names it") {
  ssh::Settings settings;
  settings.host.connect_timeout = 5s;
  const auto error = error_of({"web1", "no-such-host.invalid", 22, "deploy"}, settings);
  CHECK(
      (error.code == ErrorCode::connect || error.code == ErrorCode::timeout));  // a machine without a name server waits
  CHECK(error.message.find("'no-such-host.invalid'") != std::string::npos);
  CHECK(error.hint.find("getent hosts no-such-host.invalid") != std::string::npos);
}

TEST_CASE("a server that accepts and says nothing is a timeout after connect_timeout") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  relay.freeze();
  auto settings = settings_for(sshd);
  settings.host.connect_timeout = 1s;
  const auto before = std::chrono::steady_clock::now();
  const auto error = error_of(target_for(sshd, relay.port()), settings);
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(error.code == ErrorCode::timeout);
  CHECK(error.message.starts_with("no SSH session with 'web1' (127.0.0.1 port " + std::to_string(relay.port()) +
                                  ") in "));
  CHECK(error.message.ends_with(" s: it accepted the connection but did not greet as an SSH server does"));
  CHECK(took >= 1s);
  CHECK(took < 15s);
}

TEST_CASE("hosts that only take encrypt-then-MAC, only have an RSA key, or only take one cipher are reached") {
  const auto options = GENERATE(values<SshdFixture::Options>({
      {.config = {"Ciphers aes256-ctr", "MACs hmac-sha2-512-etm@openssh.com"}},
      {.config = {"Ciphers aes128-ctr", "MACs hmac-sha2-256-etm@openssh.com"}},
      {.config = {"Ciphers aes128-ctr", "MACs hmac-sha2-256"}},
      {.config = {"Ciphers aes256-gcm@openssh.com"}},
      {.config = {"Ciphers chacha20-poly1305@openssh.com"}},
      {.config = {"KexAlgorithms diffie-hellman-group16-sha512"}},
      {.config = {"KexAlgorithms ecdh-sha2-nistp384"}},
      {.host_keys = {"rsa"}},
      {.host_keys = {"rsa"}, .config = {"HostKeyAlgorithms rsa-sha2-256"}},
      {.host_keys = {"ecdsa"}},
  }));
  const SshdFixture sshd(options);
  auto session = open_session(sshd);
  const auto end = step(*session, "dd if=/dev/zero bs=100000 count=10 2>/dev/null");
  CHECK(end.status == 0);
  CHECK(end.out == std::string(1'000'000, '\0'));
}

TEST_CASE("a host that shares no algorithm is named with what it offers and what would do") {
  struct Case {
    std::string line;
    std::string kind;
    std::string theirs;
    std::string ours;
  };
  const auto one =
      GENERATE(Case{"KexAlgorithms sntrup761x25519-sha512@openssh.com", "key exchange",
                    "sntrup761x25519-sha512@openssh.com", "curve25519-sha256,"},
               Case{"Ciphers aes128-cbc", "cipher", "aes128-cbc", ssh::libssh2_is_patched ? "aes128-gcm@openssh.com," : "chacha20-poly1305@openssh.com,"},
               Case{"MACs umac-128-etm@openssh.com\nCiphers aes128-ctr", "MAC", "umac-128-etm@openssh.com",
                    "hmac-sha2-256-etm@openssh.com,"});
  const SshdFixture sshd({.config = {one.line}});
  const auto error = error_of(target_for(sshd), settings_for(sshd));
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message.starts_with("'web1' (127.0.0.1 port " + port_text(sshd) +
                                  ") shares no algorithm with this program for " + one.kind + ": it offers '" +
                                  one.theirs));
  CHECK(error.message.find(", this program '" + one.ours) != std::string::npos);
  CHECK(error.hint == "allow one of the latter in the host's sshd_config, or have the system's ssh carry the run (ssh: {transport: openssh})");
}

TEST_CASE("algorithms by SHA-1, and ciphers in CBC mode, aren't agreed on, whatever ssh_config adds") {
  const auto& [line, kind] = GENERATE(table<std::string, std::string>({{"KexAlgorithms diffie-hellman-group14-sha1", "key exchange"},
                                                                       {"Ciphers aes128-cbc", "cipher"},
                                                                       {"MACs hmac-sha1,umac-64@openssh.com\nCiphers aes128-ctr", "MAC"}}));
  const SshdFixture sshd({.config = {line}});
  ssh::Settings settings = settings_for(sshd);
  settings.host.kex = "diffie-hellman-group14-sha1,curve25519-sha256";
  settings.host.ciphers = "aes128-cbc,aes128-ctr";
  settings.host.macs = "hmac-sha1,umac-64@openssh.com,hmac-sha2-256";
  CHECK_THAT(error_of(target_for(sshd), settings).message, ContainsSubstring("shares no algorithm with this program for " + kind));
}

TEST_CASE("host certificates alone, where no authority is known, are an error that says so") {
  if (is_skipped(!ssh::libssh2_is_patched, "this libssh2 knows no host certificates")) return;
  const SshdFixture sshd;
  ssh::Settings settings = settings_for(sshd);
  settings.host.host_key_algorithms = "ssh-ed25519-cert-v01@openssh.com";
  const auto error = error_of(target_for(sshd), settings);
  CHECK_THAT(error.message, ContainsSubstring("ssh_config allows host certificates alone (HostKeyAlgorithms 'ssh-ed25519-cert-v01@openssh.com'), and no known_hosts "
                                              "file names an authority for this host"));
  CHECK_THAT(error.hint, ContainsSubstring("add its @cert-authority line to known_hosts"));
}

TEST_CASE("the key type on file is asked for, though the host prefers another one") {
  const SshdFixture sshd({.host_keys = {"ed25519", "ecdsa"}});
  const std::string lines = sshd.known_hosts_lines(sshd.address(), sshd.port());
  sshd.folder().write("known_hosts", lines.substr(lines.find('\n') + 1));  // ecdsa alone
  auto session = open_session(sshd);
  CHECK(step(*session, "true").status == 0);
}

TEST_CASE("a host whose key is not on file is refused before anything is said to it") {
  const SshdFixture sshd;
  sshd.folder().write("known_hosts", "");
  const auto error = error_of(target_for(sshd), settings_for(sshd));
  CHECK(error.code == ErrorCode::host_key);
  CHECK(error.host == "web1");
  CHECK(sshd.log().find("Accepted") == std::string::npos);
}

TEST_CASE("refused keys are an authentication error and are not tried again") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd);
  settings.host.identities = {key_pair("ed25519", "stranger")};
  Relay relay(sshd.address(), sshd.port());
  const auto error = error_of(target_for(sshd, relay.port()), settings);
  CHECK(error.code == ErrorCode::auth);
  CHECK(relay.connections() == 1);
}

TEST_CASE("twenty logins at once get into a host that takes three at a time", "[many]") {
  const SshdFixture sshd({.config = {"MaxStartups 2:100:3"}});
  auto settings = settings_for(sshd);
  settings.host.connect_timeout = 40s;  // the machine may be busy
  const auto connector = ssh::make_connector(settings);
  std::atomic<int> in = 0;
  std::string failed;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&] {
        auto session = connector->connect(target_for(sshd), {}, within(55s));
        if (session && step(**session, "true").status == 0) {
          ++in;
          return;
        }
        const std::scoped_lock lock(mutex);
        failed += session ? "a step failed" : to_text(session.error());
      });
    }
  }
  INFO(failed);
  CHECK(in == 20);
  CHECK(count_of(sshd.log(), "drop connection #") > 0);  // not that it had no occasion to
}

TEST_CASE("a refused connection is tried again, after a while, and in the end named") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const auto target = target_for(sshd, relay.port());
  SECTION("it succeeds") {
    relay.refuse(3);
    std::vector<std::string> told;
    auto session = ssh::make_connector(settings_for(sshd))
                       ->connect(target, [&](std::string_view text) { told.emplace_back(text); }, within(20s));
    REQUIRE(session);
    CHECK(relay.connections() == 4);
    CHECK(std::ranges::count(told, "connecting") == 4);
    CHECK(std::ranges::count(told, "waiting: the host takes no more logins now") == 3);
    CHECK(std::ranges::count(told, "authenticating") == 1);
  }
  SECTION("it doesn't before the deadline") {
    relay.refuse(1000);
    const auto error = error_of(target, settings_for(sshd), within(2s));
    CHECK(error.code == ErrorCode::connect);
    CHECK(error.message.find("closes connections before the login (") != std::string::npos);
    CHECK(error.hint.find("MaxStartups") != std::string::npos);
    CHECK(relay.connections() > 1);
  }
}

TEST_CASE("what greets otherwise than an SSH server is named") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  relay.greet("SSH-1.5-old\r\n");
  const auto error = error_of(target_for(sshd, relay.port()), settings_for(sshd));
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message.find("speaks no SSH 2: it greets with 'SSH-1.5-old'") != std::string::npos);
}

TEST_CASE("a web server's port is named at once, instead of being tried again as a busy host") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  relay.greet(
      GENERATE(as<std::string>(), "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "\x15\x03\x01\x02\x02F"));
  const auto error = error_of(target_for(sshd, relay.port()), settings_for(sshd));
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message.ends_with(" speaks no SSH: it answers as a web server does"));
  CHECK(relay.connections() == 1);
}

TEST_CASE("what a host says to an account that it lets in no more is told, behind its banner too") {
  if (is_skipped_without_mounts()) return;
  const TempDir folder;
  const bool greets = GENERATE(false, true);
  std::vector<std::string> lines{"UsePAM yes"};
  if (greets) lines.push_back("Banner " + folder.write("banner", "Authorised persons only.\n"));
  const SshdFixture sshd(
      {.config = lines, .replaced = password_files(folder, "of no use", "pam_permit.so", "19000:0:99999:7::19001:")});
  const auto error = error_of(target_for(sshd), settings_for(sshd));
  CHECK(error.code == ErrorCode::lost);
  CHECK(error.message ==
        "the host hung up while '" + SshdFixture::user() +
            "' logged in: it said 'Your account has expired; please contact your system administrator.'");
}

TEST_CASE("connecting can be stopped, whatever it waits for") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  auto settings = settings_for(sshd);
  settings.parallel_logins_per_address = 1;
  const auto target = target_for(sshd, relay.port());
  const auto connector = ssh::make_connector(settings);
  const auto stopped_at = [&](const std::string& state) {
    std::stop_source stop;
    std::jthread other;
    const auto before = std::chrono::steady_clock::now();
    auto session = connector->connect(
        target,
        [&](std::string_view text) {
          if (text == state) other = std::jthread([&] { stop.request_stop(); });
        },
        within(20s, stop.get_token()));
    CHECK(std::chrono::steady_clock::now() - before < 15s);
    return session ? Error() : session.error();
  };
  SECTION("for the greeting") {
    relay.freeze();
    CHECK(stopped_at("connecting").code == ErrorCode::cancelled);
  }
  SECTION("for the answer to a key") {
    relay.hold_after_down(1200);
    CHECK(stopped_at("connecting").code == ErrorCode::cancelled);
  }
  SECTION("for a refusing host") {
    relay.refuse(1000);
    CHECK(stopped_at("waiting: the host takes no more logins now").code == ErrorCode::cancelled);
  }
  SECTION("for a login slot") {
    relay.freeze();
    std::stop_source stop;
    std::atomic<bool> there = false;
    std::jthread holder([&] {
      auto held = connector->connect(target, [&](std::string_view) { there = true; }, within(20s, stop.get_token()));
      CHECK_FALSE(held);
    });
    REQUIRE(eventually([&] { return there.load(); }));
    CHECK(stopped_at("waiting for a login slot").code == ErrorCode::cancelled);
    stop.request_stop();
  }
}
