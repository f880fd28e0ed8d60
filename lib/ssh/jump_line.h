// JumpLine: one login on a jump host, in a thread of its own, and the tunnels through it. Any thread may ask it for a way.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/deadline.h"
#include "core/error.h"
#include "core/fd.h"
#include "core/waker.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class Session;

// Way: what became of a way through a jump host. Any thread.
class Way {
 public:
  // "the jump host 'bastion' was lost: no sign of life for 45 s"; empty: if the way has ended, then not there. Known before the socket
  // ends.
  [[nodiscard]] std::string loss() const;
  void lose(const std::string& why);

 private:
  mutable std::mutex mutex_;
  std::string loss_;
};

// Passage: the near end of a way to a host; for Session's constructor, and for its explain_end().
struct Passage {
  Fd socket;  // doesn't block
  std::shared_ptr<const Way> way;
};

class JumpLine {
 public:
  using LogIn = std::function<Result<std::unique_ptr<Session>>(const Wait&)>;

  // Logs in at once, and ends itself when nothing has gone through for `linger`. `name` is the hop's, for error texts. `one_by_one`: it begins
  // with one host, so that nobody else waits where the jump host doesn't come to that one.
  JumpLine(std::string name, LogIn log_in, std::chrono::milliseconds linger, bool one_by_one = false);
  ~JumpLine();  // stop(), and waits for the thread
  JumpLine(const JumpLine&) = delete;
  JumpLine& operator=(const JumpLine&) = delete;

  // Nothing: this line has ended, or is held up by another host that doesn't answer; another line is wanted. `limit`: how long the jump host may
  // take to come there, once it was asked.
  Result<std::optional<Passage>> connect(const Target& target, std::chrono::milliseconds limit, const Wait& wait);
  // Whether connect() has any hope.
  [[nodiscard]] bool takes_more();
  // The jump host was asked for several hosts, and then said nothing any more: who wants one of these has to go by a line of his own.
  [[nodiscard]] bool is_deaf() const { return deaf_; }
  // Its thread has nothing left to do: destroying it doesn't wait.
  [[nodiscard]] bool is_over() const { return over_; }
  void stop() { stop_.request_stop(); }

 private:
  enum class State { logging_in, serving, ended };
  enum class Stage { queued, opening, done };

  struct Request {
    Request(const Target& wanted, std::chrono::milliseconds most) : target(wanted), limit(most) {}
    const Target target;
    const std::chrono::milliseconds limit;
    Stage stage = Stage::queued;
    Deadline::Clock::time_point asked_at{};
    bool given_up = false;
    Result<std::optional<Passage>> outcome = std::nullopt;
    std::condition_variable_any changed;
  };
  using Requested = std::shared_ptr<Request>;
  struct Round;

  void run();
  void hold_up();
  void serve(Session& session);
  bool ask(Round& round);
  bool take_opened(Round& round);
  void expire(Round& round);
  void give_up(const Requested& request, Result<std::optional<Passage>> outcome);
  bool in_vain(const Round& round);
  bool end_if_unused(bool held_up);
  Requested next_request();
  void settle(const Requested& request, Result<std::optional<Passage>> outcome);
  void end(const std::optional<Error>& failure);
  [[nodiscard]] bool held_up() const;
  [[nodiscard]] Error not_reached(const Target& target, std::chrono::milliseconds after) const;
  [[nodiscard]] Error gave_up(const Request& request, const Wait& wait, std::chrono::milliseconds after) const;

  const std::string name_;
  const LogIn log_in_;
  const std::chrono::milliseconds linger_;
  const bool one_by_one_;
  std::stop_source stop_;

  std::mutex mutex_;  // for all below
  State state_ = State::logging_in;
  std::optional<Error> failure_;  // of the login
  std::deque<Requested> queue_;
  std::optional<Deadline> held_up_at_;  // while no more channels may be asked for: when that has taken too long
  std::shared_ptr<Waker> waker_;        // the session's

  std::atomic<bool> over_ = false;
  std::atomic<bool> deaf_ = false;

  std::jthread thread_;  // last: it uses all the others
};

}  // namespace kirikae::ssh
