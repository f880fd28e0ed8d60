// Queue: a Sink that any number of threads feed, and one thread of its own that shows. Where the reader of our output is slow or has
// stopped and the queue is full, output waits for it, but not for long: then lines are counted, and an event::Omitted is shown in their place.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "event/event.h"
#include "ui/renderer.h"

namespace kirikae::ui {

class Queue : public event::Sink {
 public:
  // `renderer` outlives the queue. `patience`: once the renderer has been busy for so long, nothing waits for it any more. `limit`: bytes, as
  // events are counted (text plus a constant).
  explicit Queue(Renderer& renderer, std::chrono::milliseconds patience = std::chrono::seconds(5), std::size_t limit = std::size_t{8} << 20);
  // Shows what was emitted, then ends the thread.
  ~Queue() override;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  Queue(Queue&&) = delete;
  Queue& operator=(Queue&&) = delete;

  // Waits for nothing but room for output. Of a host's progress, the latest is kept where there is no room.
  void emit(event::Event event) override;
  // From now on for nothing at all.
  void lose_patience();

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
  bool merge(event::Event& event);
  void show_waiting(std::unique_lock<std::mutex>& lock);

  Renderer& renderer_;
  const std::size_t limit_;
  std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable changed_;   // for the showing thread
  std::condition_variable accepted_;  // for the others: room, or paused
  std::vector<event::Event> events_;
  std::size_t size_ = 0;
  std::map<std::tuple<std::size_t, std::string, std::string>, std::size_t> merged_;  // kind, host and step: where in events_ more of it goes
  std::chrono::steady_clock::time_point taken_ = std::chrono::steady_clock::now();  // when events_ was last emptied
  int pauses_ = 0;
  bool release_ = false;  // asked for by a pause
  bool parked_ = false;
  bool ending_ = false;
  std::jthread thread_;
};

}  // namespace kirikae::ui
