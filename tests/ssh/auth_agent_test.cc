#include "ssh/agent.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "core/digest.h"
#include "ssh/auth_support.h"
#include "ssh/private_key.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

namespace {

// Answers every connection with the same bytes and closes it.
class Parrot {
 public:
  Parrot(std::string path, std::string answer)
      : answer_(std::move(answer)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_.get(), 5) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Parrot() {
    ::shutdown(fd_.get(), SHUT_RDWR);  // ends accept()
    thread_.join();
  }

 private:
  void serve() const {
    for (;;) {
      const Fd peer(::accept(fd_.get(), nullptr, nullptr));
      if (!peer.valid()) return;
      char request[4096];
      if (::recv(peer.get(), request, sizeof request, 0) > 0)
        ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer_;
  Fd fd_;
  std::thread thread_;
};

std::string message(std::string_view body) {
  std::string bytes;
  append_string(bytes, body);
  return bytes;
}

}  // namespace

TEST_CASE("the agent lists its keys and signs with them") {
  const TempDir folder;
  const RealAgent real(folder, {key_pair("ed25519", "one"), key_pair("rsa", "one")});
  const Agent agent(real.socket());
  const auto identities = agent.list({});
  REQUIRE(identities);
  REQUIRE(identities->size() == 2);
  CHECK((*identities)[0].comment == "one");
  CHECK(key_type((*identities)[0].blob) == "ssh-ed25519");
  CHECK(key_type((*identities)[1].blob) == "ssh-rsa");

  const auto ed25519 = agent.sign((*identities)[0].blob, "data", "ssh-ed25519", {});
  REQUIRE(ed25519);
  CHECK(ed25519->size() == 64);
  for (const char* algorithm : {"rsa-sha2-256", "rsa-sha2-512"}) {
    const auto rsa = agent.sign((*identities)[1].blob, "data", algorithm, {});
    REQUIRE(rsa);
    CHECK(rsa->size() == 256);
  }
}

TEST_CASE("a key that the agent does not have is refused by it") {
  const TempDir folder;
  const RealAgent real(folder, {});
  const auto refused = Agent(real.socket()).sign("blob", "data", "ssh-ed25519", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::auth);
  CHECK(refused.error().message == "the ssh-agent won't sign with this key");
}

TEST_CASE("an agent that is not there is an error at once") {
  const TempDir folder;
  const auto gone = Agent(folder / "nobody").list({});
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::local);
  CHECK(gone.error().message == "no ssh-agent at '" + (folder / "nobody") + "': No such file or directory");
  CHECK_FALSE(Agent(std::string(500, 'a')).list({}));
}

TEST_CASE("an agent that says nothing is given up at the deadline") {
  const TempDir folder;
  const MuteSocket mute(folder / "mute");
  const auto late = Agent(mute.path()).list({Deadline::in(std::chrono::milliseconds(30)), {}});
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::timeout);
  CHECK(late.error().message == "the ssh-agent does not answer");
}

TEST_CASE("an agent whose queue is full is given up at the deadline") {
  const TempDir folder;
  const MuteSocket mute(folder / "mute");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, mute.path().data(), mute.path().size());
  std::vector<Fd> waiting;
  for (;;) {  // until the kernel lets nobody in
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) break;
    waiting.push_back(std::move(fd));
  }
  const auto late = Agent(mute.path()).list({Deadline::in(std::chrono::milliseconds(60)), {}});
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::timeout);
}

TEST_CASE("waiting for the agent ends when it is told to stop") {
  const TempDir folder;
  const MuteSocket mute(folder / "mute");
  std::stop_source stop;
  std::atomic<bool> running = false;
  std::jthread stopper([&] {
    eventually([&] { return running.load(); });
    stop.request_stop();
  });
  running = true;
  const auto stopped = Agent(mute.path()).sign("blob", "data", "ssh-ed25519", {Deadline::never(), stop.get_token()});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
}

TEST_CASE("answers that make no sense are refused") {
  const auto body = GENERATE(as<std::string>(), "", "\x05", "\x0c", std::string("\x0c\0\0\0\5", 5),
                             std::string("\x0c\xff\xff\xff\xff", 5), std::string("\x0c\0\0\0\1\0\0\0\x09xx", 11));
  const TempDir folder;
  const Parrot parrot(folder / "agent", message(body));
  const auto listed = Agent(folder / "agent").list({});
  REQUIRE_FALSE(listed);
  CHECK(listed.error().code == ErrorCode::local);
  CHECK_FALSE(Agent(folder / "agent").sign("blob", "data", "ssh-ed25519", {}));
}

TEST_CASE("an answer that is too long or breaks off is refused") {
  const auto bytes = GENERATE(as<std::string>(), std::string("\x7f\xff\xff\xff", 4), std::string("\0\0\0\x10\x0c", 5),
                              std::string("\0\0", 2));
  const TempDir folder;
  const Parrot parrot(folder / "agent", bytes);
  const auto listed = Agent(folder / "agent").list({});
  REQUIRE_FALSE(listed);
  CHECK(listed.error().code == ErrorCode::local);
}

TEST_CASE("an agent that signs by another algorithm than was asked for is refused") {
  std::string signature;
  append_string(signature, "ssh-rsa");
  append_string(signature, "signature");
  std::string body = "\x0e";
  append_string(body, signature);
  const TempDir folder;
  const Parrot parrot(folder / "agent", message(body));
  const auto refused = Agent(folder / "agent").sign("blob", "data", "rsa-sha2-512", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "the ssh-agent can't sign with rsa-sha2-512");
  CHECK(Agent(folder / "agent").sign("blob", "data", "ssh-rsa", {}) == "signature");
}

TEST_CASE("a hardware key's signature keeps what the token adds") {
  std::string signature;
  append_string(signature, "sk-ssh-ed25519@openssh.com");
  append_string(signature, "signature");
  signature += "\x01zzzz";
  std::string body = "\x0e";
  append_string(body, signature);
  const TempDir folder;
  const Parrot parrot(folder / "agent", message(body));
  std::string expected;
  append_string(expected, "signature");
  expected += "\x01zzzz";
  CHECK(Agent(folder / "agent").sign("blob", "data", "sk-ssh-ed25519@openssh.com", {}) == expected);
}
