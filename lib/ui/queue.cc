#include "ui/queue.h"

#include <utility>
#include <variant>

namespace kirikae::ui {
namespace {

// Only output comes in masses and at length.
std::size_t cost_of(const event::Event& event) {
  const auto* output = std::get_if<event::Output>(&event.what);
  return sizeof event + (output == nullptr ? 0 : output->line.size());
}

}  // namespace

Queue::Queue(Renderer& renderer, std::chrono::milliseconds patience, std::size_t limit)
    : renderer_(renderer), limit_(limit), patience_(patience), thread_([this] { run(); }) {}

Queue::~Queue() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Queue::emit(event::Event event) {
  {
    std::unique_lock lock(mutex_);
    while (std::holds_alternative<event::Output>(event.what) && size_ >= limit_ && std::chrono::steady_clock::now() < taken_ + patience_) {
      accepted_.wait_until(lock, taken_ + patience_);
    }
    if (size_ >= limit_ && merge(event)) return;
    size_ += cost_of(event);
    events_.push_back(std::move(event));
  }
  changed_.notify_one();
}

void Queue::lose_patience() {
  {
    const std::scoped_lock lock(mutex_);
    patience_ = {};
  }
  accepted_.notify_all();
}

// For want of room. True: an event that waits already stands for this one, too. False: it is still to be kept, and small.
bool Queue::merge(event::Event& event) {
  const auto waiting = [&](const std::string& host, const std::string& step) -> event::Event* {
    const auto [found, is_first] = merged_.try_emplace({event.what.index(), host, step}, events_.size());
    return is_first ? nullptr : &events_[found->second];
  };
  if (const auto* output = std::get_if<event::Output>(&event.what)) {
    if (event::Event* same = waiting(output->host, output->step)) {
      ++std::get<event::Omitted>(same->what).lines;
      return true;
    }
    event.what = event::Omitted{output->host, output->step, 1};
  } else if (const auto* progress = std::get_if<event::Progress>(&event.what)) {
    if (event::Event* same = waiting(progress->host, "")) {
      same->what = *progress;
      return true;
    }
  }
  return false;
}

void Queue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait_for(lock, std::chrono::milliseconds(100),
                      [this] { return ending_ || pauses_ > 0 || !events_.empty(); });
    if (pauses_ > 0) {
      const bool release = std::exchange(release_, false);
      if (release) show_waiting(lock);
      lock.unlock();
      if (release) renderer_.suspend();
      lock.lock();
      parked_ = true;
      accepted_.notify_all();
      changed_.wait(lock, [this] { return pauses_ == 0; });
      parked_ = false;
      taken_ = std::chrono::steady_clock::now();  // nobody has waited for a reader
    }
    if (ending_ && events_.empty()) return;
    show_waiting(lock);
  }
}

void Queue::show_waiting(std::unique_lock<std::mutex>& lock) {
  const auto batch = std::exchange(events_, {});
  size_ = 0;
  merged_.clear();
  taken_ = std::chrono::steady_clock::now();
  lock.unlock();
  accepted_.notify_all();
  for (const event::Event& event : batch) renderer_.show(event);
  renderer_.refresh();
  lock.lock();
}

Queue::Pause::Pause(Queue& queue, Hold hold, std::chrono::milliseconds patience) : queue_(queue) {
  std::unique_lock lock(queue_.mutex_);
  ++queue_.pauses_;
  if (hold == Hold::release) queue_.release_ = true;
  queue_.changed_.notify_one();
  queue_.accepted_.wait_for(lock, patience, [this] { return queue_.parked_; });
}

Queue::Pause::~Pause() {
  {
    const std::scoped_lock lock(queue_.mutex_);
    --queue_.pauses_;
  }
  queue_.changed_.notify_one();
}

}  // namespace kirikae::ui
