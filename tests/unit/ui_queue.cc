#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "ui/plain.h"
#include "ui/queue.h"

namespace kirikae::ui {
namespace {

using namespace std::chrono_literals;

event::Event numbered(const std::string& host, int number) {
  return {static_cast<double>(number), event::Output{host, "task", event::Channel::out, std::to_string(number)}};
}

bool comes_true(const auto& condition, std::chrono::milliseconds patience = 10s) {
  for (const auto deadline = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < deadline;
       std::this_thread::yield()) {
    if (condition()) return true;
  }
  return false;
}

// Keeps what it is shown; stops inside show() while the gate is shut.
class Keeper : public Renderer {
 public:
  void show(const event::Event& event) override {
    while (shut) std::this_thread::yield();
    const std::scoped_lock lock(mutex);
    shown.push_back(event);
  }
  void suspend() override { ++suspended; }
  std::size_t count() {
    const std::scoped_lock lock(mutex);
    return shown.size();
  }

  std::mutex mutex;
  std::vector<event::Event> shown;
  std::atomic<bool> shut = false;
  std::atomic<int> suspended = 0;
};

TEST_CASE("the queue shows all events of all threads, each thread's in order") {
  Keeper keeper;
  {
    Queue queue(keeper);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&queue, t] {
        for (int i = 0; i < 2000; ++i) queue.emit(numbered("host" + std::to_string(t), i));
      });
    }
  }
  REQUIRE(keeper.shown.size() == 16000);
  std::map<std::string, int> next;
  for (const auto& event : keeper.shown) {
    const auto& output = std::get<event::Output>(event.what);
    if (output.line != std::to_string(next[output.host]++)) FAIL(output.host << " out of order at " << output.line);
  }
}

TEST_CASE("emitting waits when the reader has stopped reading, and only then") {
  Keeper keeper;
  keeper.shut = true;
  Queue queue(keeper, 1h, 100'000);
  std::atomic<int> emitted = 0;
  std::jthread host([&] {
    for (int i = 0; i < 2000; ++i) {
      queue.emit(numbered("host", i));
      ++emitted;
    }
  });
  // Full twice: what is being shown, and what waits.
  const std::size_t room = 2 * (100'000 / sizeof(event::Event) + 1);
  CHECK_FALSE(comes_true([&] { return emitted == 2000; }, 300ms));
  CHECK(emitted > 0);
  CHECK(static_cast<std::size_t>(emitted) <= room);
  queue.emit({0, event::Warning{"", "signal"}});  // comes back though the queue is full
  keeper.shut = false;
  CHECK(comes_true([&] { return keeper.count() == 2001; }));
}

TEST_CASE("who waits for a reader goes on when the run is stopped") {
  Keeper keeper;
  keeper.shut = true;
  Queue queue(keeper, 1h, 100'000);
  std::atomic<bool> done = false;
  std::jthread host([&] {
    for (int i = 0; i < 2000; ++i) queue.emit(numbered("host", i));
    done = true;
  });
  CHECK_FALSE(comes_true([&] { return done.load(); }, 300ms));
  queue.lose_patience();
  CHECK(comes_true([&] { return done.load(); }));
  keeper.shut = false;
}

TEST_CASE("who emits doesn't wait for ever: what is left out is counted in its place, and nothing that matters is") {
  Keeper keeper;
  keeper.shut = true;
  {
    Queue queue(keeper, 10ms, 100'000);
    for (int i = 0; i < 5000; ++i) {
      queue.emit(numbered(i % 2 == 0 ? "web1" : "web2", i));
      queue.emit({0, event::Progress{"web1", static_cast<std::uint64_t>(i), 5000}});
      if (i % 100 == 0) queue.emit({0, event::Warning{"web1", std::to_string(i)}});
    }
    queue.emit({0, event::StepFinished{"web1", event::Phase::run, "task", 0, {}}});
    keeper.shut = false;
  }
  std::uint64_t lines = 0;
  std::size_t warnings = 0, progress = 0;
  std::map<std::string, int> omitted;
  for (const auto& event : keeper.shown) {
    if (const auto* output = std::get_if<event::Output>(&event.what)) {
      CHECK(omitted[output->host] == 0);  // it comes behind all that was shown
      ++lines;
    } else if (const auto* gap = std::get_if<event::Omitted>(&event.what)) {
      CHECK(gap->step == "task");
      ++omitted[gap->host];
      lines += gap->lines;
    } else if (const auto* sent = std::get_if<event::Progress>(&event.what)) {
      progress = sent->sent;
    }
    warnings += std::holds_alternative<event::Warning>(event.what) ? 1U : 0U;
  }
  CHECK(lines == 5000);
  CHECK(omitted == std::map<std::string, int>{{"web1", 1}, {"web2", 1}});
  CHECK(warnings == 50);
  CHECK(progress == 4999);
  CHECK(keeper.shown.size() < 2000);
  CHECK(std::holds_alternative<event::StepFinished>(keeper.shown.back().what));
}

TEST_CASE("how many lines were left out is said as a warning, but where no output is shown") {
  std::string out, err;
  PlainLook look;
  look.level = GENERATE(Level::normal, Level::quiet);
  Plain plain({[&](std::string_view text) { out += text; }, [&](std::string_view text) { err += text; }}, look);
  plain.show({0, event::Omitted{"web1", "task build", 3}});
  CHECK(out.empty());
  CHECK(err == (look.level == Level::quiet ? "" : "[web1] warning: 3 lines of 'task build' left out here: what this run prints was not read in time\n"));
}

TEST_CASE("nothing is shown during a pause but what came before it, and all of it after") {
  Keeper keeper;
  Queue queue(keeper);
  queue.emit(numbered("host", 0));
  {
    const Queue::Pause pause(queue);
    CHECK(keeper.suspended == 1);
    CHECK(keeper.count() == 1);
    for (int i = 1; i < 100; ++i) queue.emit(numbered("host", i));
    const Queue::Pause inner(queue);
    CHECK(keeper.count() == 1);
  }
  CHECK(comes_true([&] { return keeper.count() == 100; }));
}

}  // namespace
}  // namespace kirikae::ui
