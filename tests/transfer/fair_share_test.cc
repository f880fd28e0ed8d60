// The sharing of a rate, on a clock that the test turns.
#include "transfer/fair_share.h"

#include <numeric>

#include "support/catch.h"

using kirikae::transfer::FairShare;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t rate = 1'000'000;
constexpr std::uint64_t portion = 65'536;
constexpr std::uint64_t burst = rate / 10;

// Senders, and time that passes in steps of a millisecond.
class Line {
 public:
  enum class Kind { greedy, slow, stuck, gone };  // stuck: it doesn't come for what it is given

  explicit Line(std::vector<Kind> senders) : senders_(std::move(senders)), sent(senders_.size()), free_at_(senders_.size()), waits_(senders_.size()) {}

  void run(std::chrono::milliseconds time) {
    for (const auto end = now_ + time; now_ < end; now_ += 1ms) {
      const auto next = share_.next();
      const auto served = share_.serve(now_);
      CHECK((served.empty() || (next && *next <= now_ + 1us)));  // a timer that is set by next() is late for none of them
      for (const auto who : served) waits_[who] = false;
      for (std::size_t who = 0; who < senders_.size(); ++who) send(who);
    }
  }
  void become(std::size_t who, Kind kind) {
    senders_[who] = kind;
    if (kind == Kind::gone) share_.leave(who, now_);
  }
  void let_pass(std::chrono::milliseconds time) { now_ += time; }
  [[nodiscard]] std::uint64_t total() const { return std::accumulate(sent.begin(), sent.end(), std::uint64_t{0}); }

 private:
  void send(std::size_t who) {
    if (senders_[who] == Kind::gone || waits_[who] || free_at_[who] > now_ || (senders_[who] == Kind::stuck && was_stuck_)) return;
    if (senders_[who] == Kind::stuck) was_stuck_ = true;
    for (;;) {
      const auto size = share_.take(who, 32'768, now_);
      waits_[who] = size == 0;
      if (size == 0) return;
      sent[who] += size;
      if (senders_[who] != Kind::slow) continue;
      free_at_[who] = now_ + std::chrono::microseconds(size * 10);  // 100 kB in a second is all that it can
      return;
    }
  }

  std::vector<Kind> senders_;
  FairShare::Time now_{};
  FairShare share_{rate, now_};

 public:
  std::vector<std::uint64_t> sent;

 private:
  std::vector<FairShare::Time> free_at_;
  std::vector<bool> waits_;
  bool was_stuck_ = false;
};

using enum Line::Kind;

void check_near(std::uint64_t got, std::uint64_t wanted, std::uint64_t off) {
  CHECK(got <= wanted + off);
  CHECK(got + off >= wanted);
}

}  // namespace

TEST_CASE("one sender has the whole rate, and no more") {
  Line line({greedy});
  line.run(10s);
  check_near(line.total(), 10 * rate, portion);
  CHECK(line.total() <= 10 * rate + burst);
}

TEST_CASE("senders that ask all the time get equal shares of the rate, whatever their number") {
  for (const std::size_t count : {2, 3, 40}) {
    INFO(count);
    Line line(std::vector<Line::Kind>(count, greedy));
    line.run(10s);
    check_near(line.total(), 10 * rate, portion + burst);
    for (const auto sent : line.sent) check_near(sent, 10 * rate / count, 2 * portion);
  }
}

TEST_CASE("what a slow sender can't use is the others'") {
  Line line({greedy, slow, greedy});
  line.run(10s);
  check_near(line.total(), 10 * rate, portion + burst);
  check_near(line.sent[1], 1'000'000, 500'000);  // nearly its own pace, though it has to stand in line
  check_near(line.sent[0], line.sent[2], 2 * portion);
  CHECK(line.sent[0] >= 4 * rate);
}

TEST_CASE("a sender that doesn't come for its turn costs the others one portion") {
  Line line({greedy, stuck, greedy});
  line.run(10s);
  CHECK(line.sent[1] <= portion);
  check_near(line.sent[0] + line.sent[2], 10 * rate, 2 * portion + burst);
}

TEST_CASE("a sender that leaves in the midst of it frees its share, and what it was given") {
  Line line({greedy, greedy, stuck, greedy});
  line.run(5s);
  const auto before = line.sent;
  line.become(1, gone);
  line.become(2, gone);
  line.run(5s);
  CHECK(line.sent[1] == before[1]);
  check_near(line.sent[0] - before[0], 5 * rate / 2, 2 * portion + burst);
  check_near(line.sent[3] - before[3], 5 * rate / 2, 2 * portion + burst);
}

TEST_CASE("what nobody sends for a while can't be made up for") {
  Line line({greedy});
  line.let_pass(1h);
  line.run(1s);
  CHECK(line.total() <= rate + burst);
}

TEST_CASE("what was taken and not sent goes to the next, and so does what was given to one that leaves") {
  FairShare::Time now{};
  FairShare share(rate, now);
  now += 66ms;
  CHECK(share.take(1, portion, now) == portion);
  CHECK(share.take(2, portion, now) == 0);
  CHECK(share.serve(now).empty());
  share.give_back(portion, now);
  CHECK(share.serve(now) == std::vector<FairShare::Id>{2});
  CHECK(share.take(3, 1000, now) == 0);
  share.leave(2, now);
  CHECK(share.serve(now) == std::vector<FairShare::Id>{3});
  CHECK(share.take(3, 1000, now) == 1000);
  CHECK_FALSE(share.next());
  // Who has left is given nothing, even if it stood in line.
  CHECK(share.take(4, portion, now) == 0);
  CHECK(share.take(5, portion, now) == 0);
  share.leave(4, now);
  now += 66ms;
  CHECK(share.serve(now) == std::vector<FairShare::Id>{5});
}

TEST_CASE("who is in line goes before who comes later") {
  FairShare::Time now{};
  FairShare share(rate, now);
  CHECK(share.take(7, 100, now) == 0);
  now += 1s;
  CHECK(share.take(8, 100, now) == 0);
  CHECK(share.serve(now).front() == 7);
}

TEST_CASE("the smallest rate moves, too") {
  FairShare::Time now{};
  FairShare share(1000, now);
  CHECK(share.take(1, portion, now) == 0);
  std::uint64_t sent = 0;
  for (const auto end = now + 10s; now < end;) {
    const auto next = share.next();
    REQUIRE(next);
    REQUIRE(*next > now);
    now = *next;
    REQUIRE(share.serve(now).size() == 1);
    for (auto size = share.take(1, portion, now); size > 0; size = share.take(1, portion, now)) sent += size;
  }
  check_near(sent, 10'000, 512);
}
