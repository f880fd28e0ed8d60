// What every Transport promises of several steps in a row, asked of the real ones and of the fake.
#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/fake_transport.h"
#include "support/ssh_session.h"
#include "support/text_source.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using host::Command;

namespace {

const Command one{"one", "echo 1\n"}, two{"two", "printf 2; echo e2 >&2\n"}, reads{"reads", "cat\n"}, fails{"fails", "echo no; exit 3\n"},
    hangs{"hangs", "echo started; sleep 600\n"};

class RowSubject {
 public:
  explicit RowSubject(bool payload = false) {
    const std::string kind = GENERATE("libssh2", "openssh", "fake");
    if (kind != "fake") {
      sshd_ = std::make_unique<SshdFixture>();
      auto target = target_for(*sshd_);
      target.payload = payload;
      transport_ = open_session(target, settings_for(*sshd_, kind == "openssh" ? ssh::Carrier::openssh : ssh::Carrier::libssh2));
      return;
    }
    const auto host = hosts_.add("web1");
    host->answer("one", {.out = "1\n"});
    host->answer("two", {.out = "2", .err = "e2\n"});
    host->answer("reads", {.echo_payload = true});
    host->answer("fails", {.exit = {3, ""}, .out = "no\n"});
    host->answer("hangs", {.out = "started\n", .hang = true});
    transport_ = *hosts_.connect({"web1", "web1", 22, "deploy"}, {}, {});
  }
  ssh::Transport& operator*() { return *transport_; }

 private:
  std::unique_ptr<SshdFixture> sshd_;
  FakeConnector hosts_;
  std::unique_ptr<ssh::Transport> transport_;
};

// What was heard, and between which commands: "1\n|2|e2\n" has the marks of the second command's begin.
struct Heard {
  std::string out, err;
  ssh::OutputFn listen() {
    return [this](ssh::Stream stream, std::string_view bytes) { (stream == ssh::Stream::out ? out : err) += bytes; };
  }
  std::function<void(std::size_t)> marks() {
    return [this](std::size_t index) { out += "<" + std::to_string(index) + ">"; };
  }
};

}  // namespace

TEST_CASE("a row runs its steps one after the other and tells when each begins") {
  RowSubject subject;
  Heard heard;
  const auto ended = (*subject).exec_row({{one, two, one}, heard.marks()}, heard.listen(), within(20s));
  REQUIRE(ended);
  CHECK(ended->ok());
  CHECK(heard.out == "1\n<1>2<2>1\n");
  CHECK(heard.err == "e2\n");
  SECTION("one step is a row, too") {
    CHECK((*subject).exec_row({{fails}, heard.marks()}, heard.listen(), within(20s))->status == 3);
  }
}

TEST_CASE("a row ends with the first step that fails, and with its status") {
  RowSubject subject;
  Heard heard;
  const auto ended = (*subject).exec_row({{one, fails, two}, heard.marks()}, heard.listen(), within(20s));
  REQUIRE(ended);
  CHECK(ended->status == 3);
  CHECK(heard.out == "1\n<1>no\n");
}

TEST_CASE("a row's payload is for one of its steps; the others go before and behind it") {
  const bool early = GENERATE(false, true);
  RowSubject subject(early);
  Heard heard;
  Text payload("payload");
  std::uint64_t sent = 0;
  const auto ended = (*subject).send_row({{one, reads, one}, heard.marks()},
                                         {1, payload, [&](std::uint64_t bytes) { sent = bytes; }}, heard.listen(), within(20s));
  REQUIRE(ended);
  CHECK(ended->ok());
  CHECK(sent == 7);
  CHECK(heard.out == "1\n<1>payload<2>1\n");
  SECTION("and another one can follow") {
    Text more("more");
    CHECK((*subject).send_row({{reads}, heard.marks()}, {0, more, {}}, heard.listen(), within(20s)));
    CHECK(heard.out == "1\n<1>payload<2>1\nmore");
  }
}

TEST_CASE("each step of a row can have a deadline of its own") {
  RowSubject subject;
  Heard heard;
  ssh::Wait wait = within(20s);
  const auto begun = [&](std::size_t) { wait.deadline = Deadline::in(100ms); };
  const auto from = Deadline::Clock::now();
  const auto ended = (*subject).exec_row({{one, hangs}, begun}, heard.listen(), wait);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::timeout);
  CHECK(Deadline::Clock::now() - from < 15s);
}

TEST_CASE("a row that takes too long is a timeout of the step that ran") {
  RowSubject subject;
  Heard heard;
  const auto ended = (*subject).exec_row({{one, hangs, two}, heard.marks()}, heard.listen(), within(1s));
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::timeout);
  CHECK(ended.error().message.find("'hangs'") != std::string::npos);
  CHECK(heard.out.find("<2>") == std::string::npos);
}
