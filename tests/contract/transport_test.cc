// What every Transport promises, tried on the real ones (libssh2 and the system's ssh, with an sshd, through a relay that can break the
// connection) and on the fake one: the runner's tests are worth as much as they are alike.
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "support/catch.h"
#include "support/fake_transport.h"
#include "support/relay.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using host::Command;

namespace {

// A transport, and commands that do on it what their names say.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual ssh::Transport& transport() = 0;
  virtual Command says(int status, const std::string& out, const std::string& err) = 0;
  virtual Command hangs() = 0;  // says "started" first
  virtual Command echoes_its_input() = 0;
  virtual Command ignores_its_input() = 0;  // ends with status 5
  virtual void break_connection() = 0;
};

class RealSubject final : public Subject {
 public:
  explicit RealSubject(ssh::Carrier carrier)
      : relay_(sshd_.address(), sshd_.port()),
        transport_(open_session(target_for(sshd_, relay_.port()), settings_for(sshd_, carrier))) {}
  ssh::Transport& transport() override { return *transport_; }
  Command says(int status, const std::string& out, const std::string& err) override {
    return {"says", "printf '%s' '" + out + "'; printf '%s' '" + err + "' >&2; exit " + std::to_string(status)};
  }
  Command hangs() override { return {"hangs", "echo started; sleep 600"}; }
  Command echoes_its_input() override { return {"echoes", "cat"}; }
  Command ignores_its_input() override { return {"ignores", "exit 5"}; }
  void break_connection() override { relay_.cut(); }

 private:
  SshdFixture sshd_;
  Relay relay_;
  std::unique_ptr<ssh::Transport> transport_;
};

class FakeSubject final : public Subject {
 public:
  FakeSubject() : host_(hosts_.add("web1")), transport_(*hosts_.connect({"web1", "web1", 22, "deploy"}, {}, {})) {
    host_->answer("hangs", {.out = "started\n", .hang = true});
    host_->answer("echoes", {.echo_payload = true});
    host_->answer("ignores", {.exit = {5, ""}, .read_payload = 0});
  }
  ssh::Transport& transport() override { return *transport_; }
  Command says(int status, const std::string& out, const std::string& err) override {
    host_->answer("says", {.exit = {status, ""}, .out = out, .err = err});
    return {"says", ""};
  }
  Command hangs() override { return {"hangs", ""}; }
  Command echoes_its_input() override { return {"echoes", ""}; }
  Command ignores_its_input() override { return {"ignores", ""}; }
  void break_connection() override { host_->lose(); }

 private:
  FakeConnector hosts_;
  std::shared_ptr<FakeHost> host_;
  std::unique_ptr<ssh::Transport> transport_;
};

std::unique_ptr<Subject> make(const std::string& kind) {
  if (kind == "libssh2") return std::make_unique<RealSubject>(ssh::Carrier::libssh2);
  if (kind == "openssh") return std::make_unique<RealSubject>(ssh::Carrier::openssh);
  return std::make_unique<FakeSubject>();
}

// Bytes that another thread makes: between pieces there is nothing for a while.
class SlowSource final : public ByteSource {
 public:
  SlowSource(std::string bytes, int pieces) : bytes_(std::move(bytes)), pieces_(pieces) {}
  ~SlowSource() override {
    if (later_.joinable()) later_.join();
  }
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
    if (later_.joinable() && !ready_) return Piece{Piece::State::later, 0};
    if (later_.joinable()) later_.join();
    if (at_ == bytes_.size()) return Piece{Piece::State::end, 0};
    if (!std::exchange(had_pause_, true)) {
      ready_ = false;
      later_ = std::thread([this, waker] {
        ready_ = true;
        waker->wake();
      });
      return Piece{Piece::State::later, 0};
    }
    had_pause_ = false;
    const auto piece = std::max<std::size_t>(bytes_.size() / static_cast<std::size_t>(pieces_), 1);
    const auto size = std::min({buffer.size(), bytes_.size() - at_, piece});
    std::memcpy(buffer.data(), bytes_.data() + at_, size);
    at_ += size;
    return Piece{Piece::State::data, size};
  }

 private:
  std::string bytes_;
  int pieces_;
  std::size_t at_ = 0;
  bool had_pause_ = false;
  std::atomic<bool> ready_ = false;
  std::thread later_;
};

class FailingSource final : public ByteSource {
 public:
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>&) override {
    if (given_++ == 0) {
      std::memset(buffer.data(), 'x', 1000);
      return Piece{Piece::State::data, 1000};
    }
    return std::unexpected(Error(ErrorCode::local, "can't read 'app.tar'"));
  }

 private:
  int given_ = 0;
};

// Never ends, and is always ready.
class EndlessSource final : public ByteSource {
 public:
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>&) override {
    std::memset(buffer.data(), 'x', buffer.size());
    return Piece{Piece::State::data, buffer.size()};
  }
};

void ignore(ssh::Stream, std::string_view) {}

// Does `act` once the step says that it has started.
ssh::OutputFn when_started(std::function<void()> act) {
  auto said = std::make_shared<std::string>();
  return [said, act = std::move(act)](ssh::Stream, std::string_view bytes) {
    const bool before = said->find("started") != std::string::npos;
    *said += bytes;
    if (!before && said->find("started") != std::string::npos) act();
  };
}

}  // namespace

TEST_CASE("a step's status and both of its streams come back") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  auto& transport = subject->transport();
  for (const int status : {0, 1, 125, 255}) {
    std::string out;
    std::string err;
    const auto exit = transport.exec(
        subject->says(status, "to out\n\nmore", "to err"),
        [&](ssh::Stream stream, std::string_view bytes) { (stream == ssh::Stream::out ? out : err) += bytes; },
        within(20s));
    REQUIRE(exit);
    CHECK(exit->status == status);
    CHECK(exit->ok() == (status == 0));
    CHECK(out == "to out\n\nmore");
    CHECK(err == "to err");
  }
}

TEST_CASE("a step that was stopped or late is cancelled or a timeout, and the session stays usable") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  auto& transport = subject->transport();
  SECTION("a stop") {
    std::stop_source stop;
    const auto exit =
        transport.exec(subject->hangs(), when_started([&] { stop.request_stop(); }), within(20s, stop.get_token()));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::cancelled);
    CHECK(exit.error().host == "web1");
  }
  SECTION("a stop by another thread") {
    std::stop_source stop;
    std::jthread other;
    const auto exit =
        transport.exec(subject->hangs(), when_started([&] { other = std::jthread([&] { stop.request_stop(); }); }),
                       within(20s, stop.get_token()));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::cancelled);
  }
  SECTION("a deadline") {
    const auto exit = transport.exec(subject->hangs(), ignore, within(300ms));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::timeout);
    CHECK(exit.error().message.find("'hangs' on 'web1'") != std::string::npos);
  }
  SECTION("a stop before the start") {
    std::stop_source stop;
    stop.request_stop();
    bool said = false;
    const auto exit = transport.exec(
        subject->hangs(), [&](ssh::Stream, std::string_view) { said = true; }, within(20s, stop.get_token()));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::cancelled);
    CHECK_FALSE(said);
  }
  const auto after = transport.exec(subject->says(3, "", ""), ignore, within(20s));
  REQUIRE(after);
  CHECK(after->status == 3);
}

TEST_CASE("a broken connection is lost, then and for every later call") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  auto& transport = subject->transport();
  SECTION("while a step runs") {
    const auto exit = transport.exec(subject->hangs(), when_started([&] { subject->break_connection(); }), within(20s));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::lost);
    CHECK(exit.error().host == "web1");
    CHECK(exit.error().message.find("while 'hangs' ran") != std::string::npos);
    CHECK(exit.error().message.find("it is not known whether it finished") != std::string::npos);
  }
  SECTION("while data is sent") {
    EndlessSource data;
    std::uint64_t last = 0;
    const auto exit = transport.send(
        subject->echoes_its_input(), data,
        [&](std::uint64_t sent) {
          if (last < 1'000'000 && sent >= 1'000'000) subject->break_connection();
          last = sent;
        },
        ignore, within(20s));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::lost);
    CHECK(last >= 1'000'000);
  }
  SECTION("while nothing happens") {
    const Waker never;
    std::jthread other([&] { subject->break_connection(); });
    const auto idle = transport.idle(never);
    REQUIRE_FALSE(idle);
    CHECK(idle.error().code == ErrorCode::lost);
  }
  const auto exec = transport.exec(subject->says(0, "", ""), ignore, within(20s));
  REQUIRE_FALSE(exec);
  CHECK(exec.error().code == ErrorCode::lost);
  EndlessSource data;
  const auto send = transport.send(subject->echoes_its_input(), data, {}, ignore, within(20s));
  REQUIRE_FALSE(send);
  CHECK(send.error().code == ErrorCode::lost);
  const Waker never;
  CHECK_FALSE(transport.idle(never));
}

TEST_CASE("data reaches the step whole, at its maker's pace, and its progress is told") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  std::string payload;
  for (int i = 0; i < 300'000; ++i) payload += static_cast<char>(i * 7 + i / 251);
  SlowSource data(payload, 6);
  std::string out;
  std::uint64_t last = 0;
  bool rising = true;
  const auto exit = subject->transport().send(
      subject->echoes_its_input(), data,
      [&](std::uint64_t sent) {
        rising = rising && sent > last;
        last = sent;
      },
      [&](ssh::Stream, std::string_view bytes) { out += bytes; }, within(20s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(out == payload);
  CHECK(rising);
  CHECK(last == payload.size());
}

TEST_CASE("data without a byte reaches the step as an end of file") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  SlowSource data("", 1);
  std::string out;
  const auto exit = subject->transport().send(
      subject->echoes_its_input(), data, {}, [&](ssh::Stream, std::string_view bytes) { out += bytes; }, within(20s));
  REQUIRE(exit);
  CHECK(exit->ok());
  CHECK(out.empty());
}

TEST_CASE("a step that ends before its data does is no error of the transport") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  EndlessSource data;
  const auto exit = subject->transport().send(subject->ignores_its_input(), data, {}, ignore, within(20s));
  REQUIRE(exit);
  CHECK(exit->status == 5);
  CHECK(subject->transport().exec(subject->says(0, "", ""), ignore, within(20s)));
}

TEST_CASE("an error of the data's maker ends the step and is the result") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  FailingSource data;
  const auto exit = subject->transport().send(subject->echoes_its_input(), data, {}, ignore, within(20s));
  REQUIRE_FALSE(exit);
  CHECK(exit.error().code == ErrorCode::local);
  CHECK(exit.error().message == "can't read 'app.tar'");
  CHECK(subject->transport().exec(subject->says(0, "", ""), ignore, within(20s)));
}

TEST_CASE("sending can be stopped and can be late") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  EndlessSource data;
  SECTION("a stop") {
    std::stop_source stop;
    const auto exit = subject->transport().send(
        subject->echoes_its_input(), data,
        [&](std::uint64_t sent) {
          if (sent > 1'000'000) stop.request_stop();
        },
        ignore, within(20s, stop.get_token()));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::cancelled);
  }
  SECTION("a deadline") {
    const auto exit = subject->transport().send(subject->echoes_its_input(), data, {}, ignore, within(400ms));
    REQUIRE_FALSE(exit);
    CHECK(exit.error().code == ErrorCode::timeout);
  }
  CHECK(subject->transport().exec(subject->says(0, "", ""), ignore, within(20s)));
}

TEST_CASE("idling ends when the waker says so, also where it had said so before") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  Waker waker;
  waker.wake();
  CHECK(subject->transport().idle(waker));
  waker.clear();
  std::jthread other([&] { waker.wake(); });
  CHECK(subject->transport().idle(waker));
  CHECK(subject->transport().exec(subject->says(0, "", ""), ignore, within(20s)));
}

TEST_CASE("a closed transport runs nothing, and can be closed again") {
  const auto subject = make(GENERATE("libssh2", "openssh", "fake"));
  subject->transport().close();
  subject->transport().close();
  const auto exit = subject->transport().exec(subject->says(0, "", ""), ignore, within(20s));
  REQUIRE_FALSE(exit);
  CHECK(exit.error().code == ErrorCode::lost);
  const Waker never;
  CHECK_FALSE(subject->transport().idle(never));
}
