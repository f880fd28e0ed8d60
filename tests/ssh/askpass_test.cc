// The way of ssh's questions to the run and back.
#include "ssh/askpass.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "core/deadline.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace kirikae::ssh {
namespace {

// Serves until `done`.
void serve_until(const AskpassDesk& desk, const std::atomic<bool>& done, const AskpassDesk::Answers& answers) {
  while (!done) {
    pollfd polled{desk.fd(), POLLIN, 0};
    if (::poll(&polled, 1, 20) > 0) desk.serve(answers);
  }
}

}  // namespace

TEST_CASE("a question of ssh's is answered by the run, and a notice is told") {
  const test::TempDir folder;
  const auto desk = AskpassDesk::open(folder / "ask");
  REQUIRE(desk);
  std::atomic<bool> done = false;
  std::string told;
  const AskpassDesk::Answers answers{[](const std::string& question, int asker) {
                                       CHECK(asker == ::getppid());
                                       return question == "one: " ? Secret("two words") : Secret();
                                     },
                                     [&](const std::string& text) { told += text; }};
  std::jthread run([&] { serve_until(*desk, done, answers); });
  CHECK(ask_at_desk(folder / "ask", "one: ", false).reveal() == "two words");
  CHECK(ask_at_desk(folder / "ask", "another: ", false).empty());
  CHECK(ask_at_desk(folder / "ask", "touch it", true).empty());
  done = true;
  run.join();
  CHECK(told == "touch it");
}

TEST_CASE("a question that nobody waits for has no answer, and a path that is too long no desk") {
  const test::TempDir folder;
  CHECK(ask_at_desk(folder / "nobody", "one: ", false).empty());
  const auto desk = AskpassDesk::open("/" + std::string(200, 'x'));
  REQUIRE_FALSE(desk);
  CHECK(desk.error().code == ErrorCode::local);
}

}  // namespace kirikae::ssh
