// TaskGroup: a thread for each host, which owns that host's session for its whole life; and the barrier between rounds.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/waker.h"
#include "ssh/transport.h"

namespace kirikae::runner {

// What a host's thread owns. Touched by that thread only, while one of its jobs runs.
struct Station {
  std::unique_ptr<ssh::Transport> transport;  // empty until a job has connected it
  std::optional<Error> lost;                  // the session broke while the host was idle
};

// Whether the session still stands, as far as can be known without asking the host. Error (lost): nothing more can be sent there.
Result<void> still_there(Station& station);

class TaskGroup {
 public:
  using Job = std::function<void(std::size_t host, Station& station)>;

  // `parallel`: how many hosts are worked on at the same time; the others' sessions are kept alive meanwhile.
  TaskGroup(std::size_t hosts, int parallel);
  // Closes all sessions, at the same time, and joins the threads.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `job` on the thread of each of `hosts`; returns when all have ended: the barrier. A job must not throw.
  void run(const std::vector<std::size_t>& hosts, const Job& job);

 private:
  struct Worker {
    Waker waker;
    Station station;
    std::function<void()> job;  // guarded by mutex_
    bool quit = false;          // guarded by mutex_
    std::jthread thread;
  };
  void work(Worker& worker);
  void end();

  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;  // guarded by mutex_
  std::size_t limit_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace kirikae::runner
