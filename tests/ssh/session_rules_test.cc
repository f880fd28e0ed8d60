// The rules that any wrapper of libssh2 has to keep: what breaks them looks fine until the network is slow.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

class Bytes final : public ByteSource {
 public:
  explicit Bytes(std::size_t size) : left_(size) {}
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>&) override {
    const auto size = std::min(buffer.size(), left_);
    if (size == 0) return Piece{Piece::State::end, 0};
    std::memset(buffer.data(), 'a' + static_cast<int>(left_ % 26), size);
    left_ -= size;
    sum_.update({buffer.data(), size});
    return Piece{Piece::State::data, size};
  }
  std::string sha256() { return sum_.hex(); }

 private:
  std::size_t left_;
  Sha256 sum_;
};

// One piece and the end, some time after `start`.
class LateBytes final : public ByteSource {
 public:
  void start() {
    late_ = std::jthread([this] {
      std::this_thread::sleep_for(300ms);  // so that the loop sleeps, and is woken by nothing else
      const std::scoped_lock lock(mutex_);
      ready_ = true;
      if (waker_) waker_->wake();
    });
  }
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
    const std::scoped_lock lock(mutex_);
    waker_ = waker;
    if (!ready_) return Piece{Piece::State::later, 0};
    if (std::exchange(given_, true)) return Piece{Piece::State::end, 0};
    buffer[0] = 'x';
    return Piece{Piece::State::data, 1};
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Waker> waker_;
  bool ready_ = false;
  bool given_ = false;
  std::jthread late_;
};

}  // namespace

TEST_CASE("the end of a payload is sent at once, though nothing else happens") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  LateBytes data;
  bool started = false;
  const auto before = std::chrono::steady_clock::now();
  const auto exit = session->send(
      {"count", "echo started; wc -c"}, data, {},
      [&](ssh::Stream, std::string_view) {
        if (!std::exchange(started, true)) data.start();
      },
      within(50s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(std::chrono::steady_clock::now() - before < 8s);  // not with the next heartbeat
}

TEST_CASE("two channels that write and read at once get through a socket that takes a packet in small parts") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port(), true);
  auto settings = settings_for(sshd);
  settings.host.keepalive = 100s;  // no wake-up by chance
  auto session = log_in(target_for(sshd, relay.port()), settings);
  Echo one(*session, 3'000'000, 1);
  Echo two(*session, 3'000'000, 2);
  relay.freeze_up();  // both have a packet half sent when they go on
  CHECK_FALSE(drive(*session, {&one, &two}, 1s));
  CHECK_FALSE(session->lost());
  relay.thaw();
  CHECK(drive(*session, {&one, &two}, 30s));
  CHECK(session->loss().empty());
  CHECK(one.received() == 3'000'000);
  CHECK(two.received() == 3'000'000);
  CHECK(one.same());
  CHECK(two.same());
}

TEST_CASE("what the socket did not take is sent as soon as it does, though the host says nothing") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port(), true);
  auto settings = settings_for(sshd);
  settings.host.keepalive = 100s;  // no wake-up by chance
  auto session = log_in(target_for(sshd, relay.port()), settings);
  auto channel = ssh::Channel::open(*session, "cat >/dev/null", 20s, {});
  REQUIRE(channel);
  relay.freeze_up();
  const std::string bytes(30'000, 'x');
  std::size_t written = 0;
  while (session->may_write() && written < 1'900'000) written += channel->write(bytes);
  REQUIRE_FALSE(session->may_write());
  sshd.pause();  // its kernel takes what comes, and nobody answers
  relay.thaw();
  const auto before = std::chrono::steady_clock::now();
  while (!session->may_write() && session->wait(Deadline::in(60s))) {
  }
  CHECK(session->may_write());
  CHECK(std::chrono::steady_clock::now() - before < 30s);
  sshd.resume();
}

TEST_CASE("a writer that was held up is told when it may go on, though that is so before anybody sleeps") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port(), true);
  int fd = -1;
  auto settings = settings_for(sshd);
  settings.host.keepalive = 100s;
  auto session = log_in(target_for(sshd, relay.port()), settings, &fd);
  auto channel = ssh::Channel::open(*session, "cat >/dev/null", 20s, {});
  REQUIRE(channel);
  for (int i = 0; i < 5; ++i) session->wait(Deadline::in(100ms));  // all that the host has to say
  sshd.pause();
  relay.freeze_up();
  const std::string bytes(30'000, 'x');
  std::size_t written = 0;
  while (session->may_write() && written < 1'900'000) written += channel->write(bytes);
  REQUIRE_FALSE(session->may_write());
  relay.thaw();
  const auto unsent = [&] {
    int size = 0;
    ::ioctl(fd, TIOCOUTQ, &size);
    return size;
  };
  REQUIRE(eventually([&] { return unsent() == 0; }));
  const int size = 4'000'000;  // now it takes all at once
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  const auto before = std::chrono::steady_clock::now();
  CHECK(session->wait(Deadline::in(60s)));
  CHECK(session->may_write());
  CHECK(std::chrono::steady_clock::now() - before < 30s);
  sshd.resume();
}

TEST_CASE("a payload runs ahead of what a near host takes by a little, however long its answers take") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const TempDir folder;
  const std::string gate = folder / "gate";
  REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
  // How much is sent before the host takes anything, which it does once `enough` is on its way.
  const auto ahead = [&](int port, std::uint64_t enough) {
    auto session = open_session(target_for(sshd, port), settings_for(sshd));
    Bytes data(8'000'000);
    std::atomic<std::uint64_t> sent = 0;
    std::uint64_t early = 0;
    const std::jthread opener([&] {
      eventually([&] { return sent >= enough; });
      std::ofstream(gate) << "\n";
    });
    const auto exit = session->send(
        {"count", "read -r line <'" + gate + "'; echo awake; cat >/dev/null"}, data, [&](std::uint64_t bytes) { sent = bytes; },
        [&](ssh::Stream, std::string_view) { early = early == 0 ? sent.load() : early; }, within(50s));
    REQUIRE(exit);
    CHECK(exit->ok());
    CHECK(sent == 8'000'000);
    return early;
  };
  relay.delay(GENERATE(0ms, 20ms));
  const std::uint64_t near = ahead(relay.port(), 256 * 1024);
  CHECK(near >= 256 * 1024);
  CHECK(near <= 400'000);
}

TEST_CASE("what one channel's read takes off the socket for another one is noticed before anybody sleeps") {
  const SshdFixture sshd;
  int fd = -1;
  auto settings = settings_for(sshd);
  settings.host.keepalive = 100s;
  auto session = log_in(target_for(sshd), settings, &fd);
  auto one = ssh::Channel::open(*session, "cat", 20s, {});
  auto two = ssh::Channel::open(*session, "cat", 20s, {});
  REQUIRE(one);
  REQUIRE(two);
  char buffer[100];
  // The round: the first looks in vain, its answer comes, the second's look takes it off the socket.
  CHECK(one->read(ssh::Stream::out, buffer) == 0);
  REQUIRE(one->write("hello\n") == 6);
  const auto queued = [&] {
    int bytes = 0;
    ::ioctl(fd, FIONREAD, &bytes);
    return bytes;
  };
  REQUIRE(eventually([&] { return queued() > 0; }));
  CHECK(two->read(ssh::Stream::out, buffer) == 0);
  const auto before = std::chrono::steady_clock::now();
  std::string answer;
  while (answer.empty() && session->wait(Deadline::in(60s))) {
    const auto n = one->read(ssh::Stream::out, buffer);
    answer.append(buffer, n);
    if (n == 0) two->read(ssh::Stream::out, buffer);
  }
  CHECK(answer == "hello\n");
  CHECK(std::chrono::steady_clock::now() - before < 30s);
}

TEST_CASE("three megabytes of standard error hold nothing up") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const auto end = step(*session, "dd if=/dev/zero bs=30000 count=100 2>/dev/null | tr '\\0' x >&2; echo done");
  CHECK(end.status == 0);
  CHECK(end.out == "done\n");
  CHECK(end.err.size() == 3'000'000);
}

TEST_CASE("a hundred megabytes of output, with standard error between, stall nothing and are whole") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  std::size_t out = 0;
  std::size_t err = 0;
  bool right = true;
  const auto exit = session->exec(
      {"flood",
       "for i in 1 2 3 4 5 6 7 8 9 10; do echo \"warning $i\" >&2; dd if=/dev/zero bs=100000 count=100 2>/dev/null; "
       "done"},
      [&](ssh::Stream stream, std::string_view bytes) {
        if (stream == ssh::Stream::err) {
          err += bytes.size();
          return;
        }
        out += bytes.size();
        right = right && bytes.find_first_not_of('\0') == std::string_view::npos;
      },
      within(50s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(out == 100'000'000);
  CHECK(err == 101);
  CHECK(right);
}

TEST_CASE("windows that are exhausted in both directions open again") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  Bytes data(40'000'000);
  Sha256 back;
  std::size_t size = 0;
  const auto exit = session->send(
      {"echo", "cat"}, data, {},
      [&](ssh::Stream, std::string_view bytes) {
        back.update(bytes);
        size += bytes.size();
      },
      within(50s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(size == 40'000'000);
  CHECK(back.hex() == data.sha256());
}

TEST_CASE("a server that changes keys again and again under load goes unnoticed", "[slow]") {
  const SshdFixture sshd({.config = {"RekeyLimit 4M", "LogLevel DEBUG1"}});
  auto session = log_in(target_for(sshd), settings_for(sshd));
  Echo one(*session, 20'000'000, 3);
  Echo two(*session, 20'000'000, 4);
  CHECK(drive(*session, {&one, &two}, 50s));
  CHECK(session->loss().empty());
  CHECK(one.same());
  CHECK(two.same());
  CHECK(count_of(sshd.log(), "SSH2_MSG_NEWKEYS received") > 5);
}

TEST_CASE("a session ends soon, though the host is dead") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const auto target = target_for(sshd, relay.port());
  const auto settings = settings_for(sshd);
  const auto ended_quickly = [](auto end) {
    const auto before = std::chrono::steady_clock::now();
    end();
    return std::chrono::steady_clock::now() - before < 3s;  // 800 ms, and what a busy machine takes
  };
  SECTION("with a control shell") {
    auto session = open_session(target, settings);
    CHECK(step(*session, "true").status == 0);
    relay.freeze();
    CHECK(ended_quickly([&] { session.reset(); }));
  }
  SECTION("with unsent data in two channels") {
    auto session = log_in(target, settings);
    Echo one(*session, 30'000'000, 5);
    Echo two(*session, 30'000'000, 6);
    relay.freeze_up();
    CHECK_FALSE(drive(*session, {&one, &two}, 1s));
    CHECK(ended_quickly([&] { session->shut_down(); }));
  }
  SECTION("at whatever byte of the login the host falls silent") {
    struct Attempt {
      Attempt(const SshdFixture& server, std::uint64_t bytes) : relay(server.address(), server.port()) {
        relay.hold_after_down(bytes);
      }
      Relay relay;
      ssh::Target to{};
      Result<std::unique_ptr<ssh::Transport>> result = nullptr;
      std::chrono::steady_clock::duration took{};
    };
    auto quick = settings;
    quick.host.connect_timeout = 1s;
    std::list<Attempt> attempts;
    for (const std::uint64_t bytes : {0, 10, 50, 300, 1100, 1500, 1700, 2000, 2300}) {
      auto& attempt = attempts.emplace_back(sshd, bytes);
      attempt.to = target_for(sshd, attempt.relay.port());
    }
    {
      std::vector<std::jthread> threads;
      for (auto& attempt : attempts) {
        threads.emplace_back([&] {
          const auto before = std::chrono::steady_clock::now();
          attempt.result = try_session(attempt.to, quick, within(1500ms));
          attempt.took = std::chrono::steady_clock::now() - before;
        });
      }
    }
    for (const auto& attempt : attempts) {
      INFO("after " << attempt.relay.bytes_down()
                    << " bytes: " << (attempt.result ? "" : to_text(attempt.result.error())));
      CHECK(attempt.took < 15s);
      if (!attempt.result) CHECK(attempt.result.error().code == ErrorCode::timeout);
    }
    CHECK_FALSE(attempts.front().result);
    attempts.clear();  // and their ends take no longer
  }
}
