// Queue: a Sink that any number of threads feed, and one thread of its own that shows. Emitting waits only when the
// reader of our output has stopped reading and the queue is full.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "event/event.h"
#include "ui/renderer.h"

namespace kirikae::ui {

class Queue : public event::Sink {
 public:
  // `renderer` outlives the queue. `limit`: bytes, as events are counted (text plus a constant).
  explicit Queue(Renderer& renderer, std::size_t limit = std::size_t{8} << 20);
  // Shows what was emitted, then ends the thread.
  ~Queue() override;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  Queue(Queue&&) = delete;
  Queue& operator=(Queue&&) = delete;

  void emit(event::Event event) override;
  // Never waits, whatever the limit: for the few events that come from where waiting would be a deadlock.
  void emit_at_once(event::Event event);

  // While one lives, the renderer shows nothing. `release`: and has let go of the screen, for questions, once it has shown what was
  // emitted before; `freeze`: what it
  // showed stays, for a program that is about to end. `patience`: for how long a renderer is waited for whose terminal
  // takes nothing.
  enum class Hold { release, freeze };
  class Pause {
   public:
    explicit Pause(Queue& queue, Hold hold = Hold::release,
                   std::chrono::milliseconds patience = std::chrono::hours(24));
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    Pause(Pause&&) = delete;
    Pause& operator=(Pause&&) = delete;

   private:
    Queue& queue_;
  };

 private:
  void run();
  void show_waiting(std::unique_lock<std::mutex>& lock);

  Renderer& renderer_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;   // for the showing thread
  std::condition_variable accepted_;  // for the others: room, or paused
  std::vector<event::Event> events_;
  std::size_t size_ = 0;
  int pauses_ = 0;
  bool release_ = false;  // asked for by a pause
  bool parked_ = false;
  bool ending_ = false;
  std::jthread thread_;
};

}  // namespace kirikae::ui
