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

Queue::Queue(Renderer& renderer, std::size_t limit) : renderer_(renderer), limit_(limit), thread_([this] { run(); }) {}

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
    accepted_.wait(lock, [this] { return size_ < limit_; });
    size_ += cost_of(event);
    events_.push_back(std::move(event));
  }
  changed_.notify_one();
}

void Queue::emit_at_once(event::Event event) {
  {
    const std::scoped_lock lock(mutex_);
    size_ += cost_of(event);
    events_.push_back(std::move(event));
  }
  changed_.notify_one();
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
    }
    if (ending_ && events_.empty()) return;
    show_waiting(lock);
  }
}

void Queue::show_waiting(std::unique_lock<std::mutex>& lock) {
  const auto batch = std::exchange(events_, {});
  size_ = 0;
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
