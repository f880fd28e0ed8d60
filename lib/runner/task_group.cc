#include "runner/task_group.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace kirikae::runner {
namespace {

// Nobody to talk to: just wait.
void wait_for(const Waker& waker) {
  pollfd entry{waker.fd(), POLLIN, 0};
  ::poll(&entry, 1, -1);
}

}  // namespace

Result<void> still_there(Station& station) {
  Waker at_once;
  at_once.wake();
  if (!station.lost) {
    if (auto alive = station.transport->idle(at_once); !alive) station.lost = std::move(alive).error();
  }
  if (station.lost) return std::unexpected(*station.lost);
  return {};
}

TaskGroup::TaskGroup(std::size_t hosts, int parallel) : limit_(static_cast<std::size_t>(std::max(1, parallel))) {
  try {
    for (std::size_t i = 0; i < hosts; ++i) {
      workers_.push_back(std::make_unique<Worker>());
      Worker& worker = *workers_.back();
      worker.thread = std::jthread([this, &worker] { work(worker); });
    }
  } catch (...) {  // no more threads, or no more descriptors
    end();
    throw;
  }
}

TaskGroup::~TaskGroup() { end(); }

void TaskGroup::end() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& worker : workers_) worker->quit = true;
  }
  for (auto& worker : workers_) worker->waker.wake();
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

void TaskGroup::run(const std::vector<std::size_t>& hosts, const Job& job) {
  std::unique_lock lock(mutex_);
  for (const std::size_t host : hosts) {
    ended_.wait(lock, [&] { return running_ < limit_; });
    ++running_;
    Worker& worker = *workers_[host];
    worker.job = [&job, host, &worker] { job(host, worker.station); };
    worker.waker.wake();
  }
  ended_.wait(lock, [&] { return running_ == 0; });
}

void TaskGroup::work(Worker& worker) {
  for (;;) {
    // Cleared before the mailbox is looked at, so that a wake in between is kept.
    worker.waker.clear();
    std::function<void()> job;
    {
      const std::lock_guard lock(mutex_);
      if (worker.quit) break;
      job = std::exchange(worker.job, nullptr);
    }
    if (job) {
      job();
      const std::lock_guard lock(mutex_);
      --running_;
      ended_.notify_all();
      continue;
    }
    if (!worker.station.transport || worker.station.lost) {
      wait_for(worker.waker);
    } else if (auto alive = worker.station.transport->idle(worker.waker); !alive) {
      worker.station.lost = std::move(alive).error();
    }
  }
  if (worker.station.transport) worker.station.transport->close();
}

}  // namespace kirikae::runner
