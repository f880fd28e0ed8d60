#include "ssh/login_slots.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/process.h"

using namespace kirikae;
using namespace std::chrono_literals;
using ssh::LoginSlots;
using test::eventually;

namespace {

ssh::Wait soon() { return {Deadline::in(20s), {}}; }
ssh::Wait without_waiting() { return {Deadline::in(0s), {}}; }

}  // namespace

TEST_CASE("logins are limited at one address and in total") {
  LoginSlots slots(3, 2);
  auto a1 = slots.acquire("a", slots.take_ticket(), soon());
  auto a2 = slots.acquire("a", slots.take_ticket(), soon());
  REQUIRE(a1);
  REQUIRE(a2);
  CHECK(slots.busy("a"));
  CHECK(slots.acquire("a", slots.take_ticket(), without_waiting()).error().code == ErrorCode::timeout);
  CHECK_FALSE(slots.busy("b"));
  auto b1 = slots.acquire("b", slots.take_ticket(), soon());
  REQUIRE(b1);
  CHECK(slots.busy("c"));
  CHECK(slots.acquire("c", slots.take_ticket(), without_waiting()).error().code == ErrorCode::timeout);
  a1->release();
  CHECK(slots.acquire("c", slots.take_ticket(), soon()));
}

TEST_CASE("who asked first is served first, and a full address holds up no other one") {
  LoginSlots slots(2, 1);
  std::optional<Result<LoginSlots::Slot>> first = slots.acquire("a", slots.take_ticket(), soon());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::jthread> threads;
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(slots.take_ticket());
  for (const int i : {3, 0, 4, 2, 1}) {  // started in another order than they asked
    threads.emplace_back([&, i] {
      auto slot = slots.acquire("a", tickets[static_cast<std::size_t>(i)], soon());
      const std::scoped_lock lock(mutex);
      order.push_back(i);
    });
  }
  REQUIRE(eventually([&] { return slots.waiting() == 5; }));
  CHECK(slots.acquire("b", slots.take_ticket(), soon()));  // later than all of them
  first.reset();
  threads.clear();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("an address that refuses gets half as many logins at a time") {
  LoginSlots slots(100, 8);
  slots.refused("a");
  std::vector<LoginSlots::Slot> held;
  while (!slots.busy("a")) held.push_back(*slots.acquire("a", slots.take_ticket(), soon()));
  CHECK(held.size() == 4);
  for (int i = 0; i < 10; ++i) slots.refused("a");
  held.clear();
  while (!slots.busy("a")) held.push_back(*slots.acquire("a", slots.take_ticket(), soon()));
  CHECK(held.size() == 1);
}

TEST_CASE("waiting for a slot can be stopped") {
  LoginSlots slots(1, 1);
  auto held = slots.acquire("a", slots.take_ticket(), soon());
  std::stop_source stop;
  std::atomic<bool> cancelled = false;
  std::jthread waiter([&] {
    auto slot = slots.acquire("a", slots.take_ticket(), {Deadline::in(20s), stop.get_token()});
    cancelled = !slot && slot.error().code == ErrorCode::cancelled;
  });
  stop.request_stop();
  CHECK(eventually([&] { return cancelled.load(); }));
}

TEST_CASE("never more logins are under way than allowed, whoever comes and goes") {
  LoginSlots slots(6, 3);
  std::atomic<int> total = 0;
  std::atomic<int> at[2] = {0, 0};
  std::atomic<bool> exceeded = false;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 50; ++round) {
          auto slot = slots.acquire(i % 2 == 0 ? "a" : "b", slots.take_ticket(), soon());
          if (!slot || ++total > 6 || ++at[i % 2] > 3) exceeded = true;
          std::this_thread::yield();
          --at[i % 2];
          --total;
        }
      });
    }
  }
  CHECK_FALSE(exceeded);
}
