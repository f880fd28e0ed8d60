#include "transfer/limited.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "transfer/fair_share.h"

namespace kirikae::transfer {

// FairShare on the steady clock, for many threads.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimit(std::uint64_t rate) : share_(rate, Clock::now()), timer_([this](const std::stop_token& stop) { run(stop); }) {}

  FairShare::Id join() {
    const std::lock_guard lock(mutex_);
    return next_id_++;
  }
  // 0: `waker` is woken when there is more.
  std::size_t take(FairShare::Id who, std::size_t most, const std::shared_ptr<Waker>& waker) {
    const std::lock_guard lock(mutex_);
    const auto size = share_.take(who, most, Clock::now());
    if (size > 0) return size;
    waiting_[who] = waker;
    changed_.notify_one();
    return 0;
  }
  void give_back(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    share_.give_back(bytes, Clock::now());
    changed_.notify_one();
  }
  void leave(FairShare::Id who) {
    const std::lock_guard lock(mutex_);
    share_.leave(who, Clock::now());
    waiting_.erase(who);
    changed_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      for (const auto who : share_.serve(Clock::now())) {
        if (const auto waker = waiting_[who].lock()) waker->wake();
        waiting_.erase(who);
      }
      if (const auto next = share_.next()) {
        changed_.wait_until(lock, stop, *next, [&] {
          const auto now_next = share_.next();
          return !now_next || *now_next < *next;
        });
      } else {
        changed_.wait(lock, stop, [this] { return share_.next().has_value(); });
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  FairShare share_;
  FairShare::Id next_id_ = 0;
  std::map<FairShare::Id, std::weak_ptr<Waker>> waiting_;
  std::jthread timer_;  // goes first
};

namespace {

class LimitedReader : public ByteSource {
 public:
  LimitedReader(std::unique_ptr<ByteSource> from, std::shared_ptr<RateLimit> limit)
      : from_(std::move(from)), limit_(std::move(limit)), id_(limit_->join()) {}
  LimitedReader(const LimitedReader&) = delete;
  LimitedReader& operator=(const LimitedReader&) = delete;
  LimitedReader(LimitedReader&&) = delete;
  LimitedReader& operator=(LimitedReader&&) = delete;
  ~LimitedReader() override { limit_->leave(id_); }

  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
    const auto most = limit_->take(id_, buffer.size(), waker);
    if (most == 0) return Piece{Piece::State::later, 0};
    auto piece = from_->read(buffer.first(most), waker);
    const auto used = piece && piece->state == Piece::State::data ? piece->size : 0;
    if (used < most) limit_->give_back(most - used);
    return piece;
  }

 private:
  std::unique_ptr<ByteSource> from_;
  std::shared_ptr<RateLimit> limit_;
  FairShare::Id id_;
};

class LimitedArtifact : public Artifact {
 public:
  LimitedArtifact(std::shared_ptr<Artifact> artifact, std::shared_ptr<RateLimit> limit)
      : artifact_(std::move(artifact)), limit_(std::move(limit)) {}

  std::unique_ptr<ByteSource> reader() override { return std::make_unique<LimitedReader>(artifact_->reader(), limit_); }
  [[nodiscard]] std::uint64_t total() const override { return artifact_->total(); }
  Result<std::string> sha256() override { return artifact_->sha256(); }
  bool has_ended(const std::shared_ptr<Waker>& waker) override { return artifact_->has_ended(waker); }

 private:
  std::shared_ptr<Artifact> artifact_;
  std::shared_ptr<RateLimit> limit_;
};

}  // namespace

std::shared_ptr<RateLimit> rate_limit(std::uint64_t rate) { return rate == 0 ? nullptr : std::make_shared<RateLimit>(rate); }

std::unique_ptr<ByteSource> limited(std::unique_ptr<ByteSource> reader, std::shared_ptr<RateLimit> limit) {
  if (!limit) return reader;
  return std::make_unique<LimitedReader>(std::move(reader), std::move(limit));
}

std::shared_ptr<Artifact> limited(std::shared_ptr<Artifact> artifact, std::shared_ptr<RateLimit> limit) {
  if (!limit) return artifact;
  return std::make_shared<LimitedArtifact>(std::move(artifact), std::move(limit));
}

}  // namespace kirikae::transfer
