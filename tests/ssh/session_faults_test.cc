// What goes wrong in a running session: the network, the host, the step, and the shell that runs it.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <vector>

#include "core/digest.h"
#include "core/fd.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/ssh_session.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// Pseudo-random bytes, hashed as they are handed out.
class Noise final : public ByteSource {
 public:
  explicit Noise(std::size_t size) : left_(size) {}
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>&) override {
    const auto size = std::min(buffer.size(), left_);
    if (size == 0) return Piece{Piece::State::end, 0};
    for (std::size_t i = 0; i < size; ++i)
      buffer[i] = static_cast<char>((random_ = random_ * 1664525 + 1013904223) >> 24);
    left_ -= size;
    sum_.update({buffer.data(), size});
    return Piece{Piece::State::data, size};
  }
  std::string sha256() { return sum_.hex(); }

 private:
  std::size_t left_;
  unsigned random_ = 1;
  Sha256 sum_;
};

// Runs a step that says "started" and hangs, does `act` then, and gives the error.
Error error_of_step_that(ssh::Transport& session, const std::function<void()>& act, const ssh::Wait& wait = within(20s),
                         const std::string& text = "echo started; sleep 600") {
  std::string said;
  bool done = false;
  auto exit = session.exec(
      {"migrate", text},
      [&](ssh::Stream, std::string_view bytes) {
        said += bytes;
        if (said.find("started\n") == std::string::npos || std::exchange(done, true)) return;
        act();
      },
      wait);
  return exit ? Error() : std::move(exit).error();
}

// Shell text that kills the shell which serves the channel: the child of sshd above this step.
const std::string kill_the_shell =
    "p=$$; echo started\n"
    "while :; do\n"
    "  read -r line <\"/proc/$p/stat\"; line=${line##*) }; line=${line#* }; parent=${line%% *}\n"
    "  read -r name <\"/proc/$parent/comm\"\n"
    "  case $name in sshd*) kill -9 \"$p\"; sleep 600;; esac\n"
    "  p=$parent\n"
    "done";

// A host that greets, says what it can, and then sends packets that nobody asks for, as many as are taken, to each who comes.
class Flood {
 public:
  Flood() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), size) == 0);
    REQUIRE(::listen(listener_.get(), 10) == 0);
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    port_ = ntohs(name.sin_port);
    thread_ = std::jthread([this] {
      for (;;) {
        const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer.valid()) return;
        send_all(peer);
      }
    });
  }
  ~Flood() { ::shutdown(listener_.get(), SHUT_RDWR); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::size_t sent() const { return sent_; }
  static constexpr std::size_t most = 64U << 20U;

 private:
  static std::string packet(std::string payload) {
    const std::size_t padding = 16 - (payload.size() + 5) % 8;
    std::string bytes;
    ssh::append_string(bytes, std::string(1, static_cast<char>(padding)) + std::move(payload) + std::string(padding, '\0'));
    return bytes;
  }
  void send_all(const Fd& peer) {
    std::string lists = std::string(1, '\x14') + std::string(16, 'c');  // KEXINIT
    for (const char* list : {"ecdh-sha2-nistp256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""}) {
      ssh::append_string(lists, list);
    }
    const std::string greeting = "SSH-2.0-flood\r\n" + packet(lists + std::string(5, '\0'));
    const std::string more = packet('d' + std::string(30'000, 'x'));  // a CHANNEL_FAILURE
    for (std::string_view rest = greeting; sent_ < most;) {
      const ssize_t n = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      sent_ += static_cast<std::size_t>(n);
      rest.remove_prefix(static_cast<std::size_t>(n));
      if (rest.empty()) rest = more;
    }
  }

  Fd listener_;
  int port_ = 0;
  std::atomic<std::size_t> sent_ = 0;
  std::jthread thread_;
};

}  // namespace

TEST_CASE("a host that says without end what nobody has asked for is left before it fills the memory") {
  const Flood flood;
  ssh::Settings settings;
  settings.host.connect_timeout = 5s;
  const auto session = try_session({"web1", "127.0.0.1", flood.port(), "deploy"}, settings);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == ErrorCode::connect);
  CHECK(session.error().message == "no SSH session with 'web1' (127.0.0.1 port " + std::to_string(flood.port()) +
                                       "): it says more than any host would before anybody is logged in");
  CHECK(flood.sent() < Flood::most);
}

TEST_CASE("a connection that is cut while a step runs is lost, with the step's name") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  auto session = open_session(target_for(sshd, relay.port()), settings_for(sshd));
  const auto error = error_of_step_that(*session, [&] { relay.cut(); });
  CHECK(error.code == ErrorCode::lost);
  CHECK(error.message ==
        "the connection to 'web1' (127.0.0.1 port " + std::to_string(relay.port()) +
            ") was lost while 'migrate' ran: connection reset by peer; it is not known whether it finished");
  CHECK(error.hint == "check the host and run the same command again");
  const auto next = step(*session, "true");
  CHECK(next.error.code == ErrorCode::lost);
  CHECK(next.error.message ==
        "'a step' was not started on 'web1': the connection was lost before (connection reset by peer)");
}

TEST_CASE("at whatever byte the connection is cut, nothing hangs and nothing passes for success") {
  const SshdFixture sshd;
  struct Attempt {
    explicit Attempt(const SshdFixture& server) : relay(server.address(), server.port()) {}
    Relay relay;
    ssh::Target to{};
    std::string said;
    Result<ssh::Exit> result = ssh::Exit{};
    std::chrono::steady_clock::duration took{};
  };
  std::list<Attempt> attempts;
  auto settings = settings_for(sshd);
  settings.host.connect_timeout = 5s;
  for (int i = 0; i < 24; ++i) {
    auto& attempt = attempts.emplace_back(sshd);
    attempt.to = target_for(sshd, attempt.relay.port());
    // Up: the script alone is longer than all the rest.
    if (i < 16) {
      attempt.relay.cut_after_down(static_cast<std::uint64_t>(i) * 220);
    } else {
      attempt.relay.cut_after_up(static_cast<std::uint64_t>(i - 16) * 1300);
    }
  }
  {
    std::vector<std::jthread> threads;
    for (auto& attempt : attempts) {
      threads.emplace_back([&] {
        const auto before = std::chrono::steady_clock::now();
        auto session = try_session(attempt.to, settings, within(4s));
        if (session) {
          attempt.result = (*session)->exec(
              {"a step", "echo whole"}, [&](ssh::Stream, std::string_view bytes) { attempt.said += bytes; },
              within(10s));
        } else {
          attempt.result = std::unexpected(session.error());
        }
        attempt.took = std::chrono::steady_clock::now() - before;
      });
    }
  }
  int failed = 0;
  for (const auto& attempt : attempts) {
    INFO("cut after " << attempt.relay.bytes_up() << " bytes up, " << attempt.relay.bytes_down() << " down");
    CHECK(attempt.took < 25s);
    if (attempt.result) {
      CHECK(attempt.result->ok());
      CHECK(attempt.said == "whole\n");
      continue;
    }
    ++failed;
    INFO(to_text(attempt.result.error()));
    // A timeout where the last of several tries had no time left.
    const auto code = attempt.result.error().code;
    CHECK((code == ErrorCode::lost || code == ErrorCode::connect || code == ErrorCode::timeout));
  }
  CHECK(failed >= 10);
}

TEST_CASE(
    "a network that drops everything is noticed while a step runs, while data is sent, and while nothing happens") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  auto settings = settings_for(sshd);
  settings.host.keepalive = 1s;
  auto session = open_session(target_for(sshd, relay.port()), settings);
  REQUIRE(step(*session, "true").status == 0);
  Error error;
  auto before = std::chrono::steady_clock::now();
  SECTION("while a step runs") {
    error = error_of_step_that(*session, [&] {
      before = std::chrono::steady_clock::now();
      relay.freeze();
    });
    CHECK(error.message.find("was lost while 'migrate' ran: no sign of life for ") != std::string::npos);
  }
  SECTION("while data is sent") {
    Noise data(100'000'000);
    const auto exit = session->send(
        {"upload", "cat >/dev/null"}, data,
        [&](std::uint64_t sent) {
          if (sent > 5'000'000) relay.freeze();
        },
        {}, within(20s));
    REQUIRE_FALSE(exit);
    error = exit.error();
  }
  SECTION("while nothing happens") {
    relay.freeze();
    const Waker never;
    const auto idle = session->idle(never);
    REQUIRE_FALSE(idle);
    error = idle.error();
    CHECK(error.message.find("was lost: no sign of life for ") != std::string::npos);
  }
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(error.code == ErrorCode::lost);
  CHECK(took > 2s);
  CHECK(took < 15s);  // the network alone would take 30
}

TEST_CASE("an sshd that is stopped is noticed, though its kernel still acknowledges") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd);
  settings.host.keepalive = 1s;
  auto session = open_session(target_for(sshd), settings);
  const auto error = error_of_step_that(*session, [&] { sshd.pause(); });
  sshd.resume();
  CHECK(error.code == ErrorCode::lost);
  CHECK(error.message.find("no sign of life for ") != std::string::npos);
}

TEST_CASE("a silent step on a healthy host is no loss, however short the keepalive") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd);
  settings.host.keepalive = 1s;
  auto session = open_session(target_for(sshd), settings);
  const auto end = step(*session, "sleep 5; echo awake");
  CHECK(end.status == 0);
  CHECK(end.out == "awake\n");
}

TEST_CASE("a quiet host is asked once before it counts as lost, and where no number is the limit it doesn't") {
  const SshdFixture sshd({.config = {"LogLevel DEBUG1"}});
  auto settings = settings_for(sshd);
  settings.host.keepalive = 1s;
  settings.host.keepalive_count = GENERATE(1, 0);
  auto session = open_session(target_for(sshd), settings);
  const TempDir folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::atomic<bool> asked = false;
  std::jthread waker([&] {
    asked = eventually([&] { return sshd.log().find("keepalive@libssh2.org") != std::string::npos; }, 20s);
    const Fd end(::open(pipe.c_str(), O_RDWR | O_CLOEXEC));  // waits for no reader
    asked = ::write(end.get(), "\n", 1) == 1 && asked;
  });
  CHECK(step(*session, "read x <" + pipe + "; echo awake").out == "awake\n");
  CHECK(asked);
}

TEST_CASE("a server that ends the connection, with or without a word, is a loss") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const auto error = error_of_step_that(*session, [&] { sshd.kill_sessions(); });
  CHECK(error.code == ErrorCode::lost);
  CHECK(error.message.find("it is not known whether it finished") != std::string::npos);
}

TEST_CASE("a server that goes in the middle of an upload is a loss") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  Noise data(200'000'000);
  bool killed = false;
  const auto exit = session->send(
      {"upload", "cat >/dev/null"}, data,
      [&](std::uint64_t sent) {
        if (sent > 3'000'000 && !std::exchange(killed, true)) sshd.kill_sessions();
      },
      {}, within(20s));
  REQUIRE_FALSE(exit);
  CHECK(exit.error().code == ErrorCode::lost);
  CHECK(exit.error().message.find("was lost while 'upload' ran: ") != std::string::npos);
}

TEST_CASE("a step whose command a signal killed says which one") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const auto killed = step(*session, "kill -9 $$");
  CHECK(killed.status == 137);
  CHECK(killed.signal == "KILL");
  CHECK(step(*session, "exec sh -c 'kill -TERM $$'").signal == "TERM");
  CHECK(step(*session, "exit 255").signal.empty());
  CHECK(step(*session, "true").status == 0);
}

TEST_CASE("a control shell that dies in mid-step leaves no trustworthy status") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const auto error = error_of_step_that(*session, [] {}, within(20s), kill_the_shell);
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::lost);
  CHECK(error.message.find("the shell on 'web1' (127.0.0.1 port ") == 0);
  CHECK(error.message.find(
            " was lost while 'migrate' ran: it ended (signal KILL); it is not known whether it finished") !=
        std::string::npos);
  CHECK(step(*session, "true").error.code == ErrorCode::lost);
}

TEST_CASE("fifty megabytes arrive as they were sent, and heartbeats go on beside them") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  Noise data(50'000'000);
  std::string out;
  std::uint64_t last = 0;
  const auto exit = session->send(
      {"upload", "sha256sum"}, data, [&](std::uint64_t sent) { last = sent; },
      [&](ssh::Stream, std::string_view bytes) { out += bytes; }, within(50s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(out == data.sha256() + "  -\n");
  CHECK(last == 50'000'000);
}

TEST_CASE("what a stop or a deadline ends is gone on the host, and the texts say so") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const std::string marker = "31415" + std::to_string(sshd.port());
  const std::string hang = "echo started; sleep " + marker + " & wait";
  SECTION("a stop") {
    std::stop_source stop;
    const auto error = error_of_step_that(*session, [&] { stop.request_stop(); }, within(20s, stop.get_token()), hang);
    CHECK(error.code == ErrorCode::cancelled);
    CHECK(error.message == "'migrate' on 'web1' was stopped; it was ended there");
  }
  SECTION("a deadline") {
    const auto error = error_of_step_that(*session, [] {}, within(1500ms), hang);
    CHECK(error.code == ErrorCode::timeout);
    CHECK_THAT(error.message, Catch::Matchers::Matches("'migrate' on 'web1' took longer than (1[.][5-9]|[2-9][.][0-9]) s; it was ended there"));
  }
  SECTION("a deadline of one that doesn't mind TERM") {
    const auto error = error_of_step_that(
        *session, [] {}, within(1500ms), "trap '' TERM; echo started; while :; do sleep " + marker + "; done");
    CHECK(error.code == ErrorCode::timeout);
    CHECK(error.message.ends_with("it was ended there"));
  }
  CHECK(eventually([&] { return processes_with(marker).empty(); }, 2s));
  CHECK(step(*session, "echo on").out == "on\n");
}

TEST_CASE("closing a session ends what still runs in it") {
  const SshdFixture sshd;
  const std::string marker = "27182" + std::to_string(sshd.port());
  auto session = open_session(sshd);
  REQUIRE(step(*session, "sleep " + marker + " & echo $! >/dev/null").status == 0);
  session->close();
  CHECK(eventually([&] { return sshd.server_processes().empty(); }, 5s));
}

TEST_CASE("a session keeps its heartbeat while nothing happens", "[slow]") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  auto session = open_session(target_for(sshd, relay.port()), settings_for(sshd));
  REQUIRE(step(*session, "true").status == 0);
  Waker waker;
  const auto before = relay.bytes_up();
  std::jthread other([&] {
    eventually([&] { return relay.bytes_up() > before; }, 15s);
    waker.wake();
  });
  const auto start = std::chrono::steady_clock::now();
  CHECK(session->idle(waker));
  CHECK(relay.bytes_up() > before);
  CHECK(std::chrono::steady_clock::now() - start > 5s);
  CHECK(step(*session, "echo on").out == "on\n");
}
