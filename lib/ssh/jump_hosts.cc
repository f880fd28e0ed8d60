#include "ssh/jump_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "ssh/session.h"

namespace kirikae::ssh {
namespace {

constexpr int line_tries_limit = 8;

std::string key_of(const std::vector<Hop>& jumps) {
  std::string key;
  for (const auto& hop : jumps) key += fmt::format("{}\n{}\n{}\n", hop.name, hop.port, hop.user);
  return key;
}

// The jump host that this thread logs in on.
thread_local const std::string* logging_in_on = nullptr;

}  // namespace

struct JumpHosts::State {
  struct Place {
    std::vector<std::shared_ptr<JumpLine>> lines;
    std::optional<Error> failure;
    bool was_good = false;
  };

  // Reserves what it waits for, for the thread of a login that itself goes through jump hosts.
  class Waiting {
   public:
    Waiting(State& state, std::string key) : state_(state), self_(logging_in_on) {
      if (self_ == nullptr) return;
      const std::scoped_lock lock(state_.mutex);
      std::string at = key;
      // Settings that lead in a circle: each login would wait for the next one, for ever.
      for (auto next = state_.waits_for.find(at); at != *self_ && next != state_.waits_for.end();
           next = state_.waits_for.find(at)) {
        at = next->second;
      }
      in_circle_ = at == *self_;
      if (!in_circle_) state_.waits_for[*self_] = std::move(key);
    }
    ~Waiting() {
      if (self_ == nullptr || in_circle_) return;
      const std::scoped_lock lock(state_.mutex);
      state_.waits_for.erase(*self_);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    [[nodiscard]] bool in_circle() const { return in_circle_; }

   private:
    State& state_;
    const std::string* self_;
    bool in_circle_ = false;
  };

  // Lines that are over are left in `old`: to be destroyed without the lock, since that waits for their threads.
  // `alone`: a new one, that begins with one host.
  Result<std::shared_ptr<JumpLine>> line_to(const std::vector<Hop>& jumps, const std::string& key, bool alone,
                                            std::vector<std::shared_ptr<JumpLine>>& old) {
    const std::scoped_lock lock(mutex);
    auto& place = places[key];
    const auto ended =
        std::partition(place.lines.begin(), place.lines.end(), [](const auto& line) { return !line->is_over(); });
    std::move(ended, place.lines.end(), std::back_inserter(old));
    place.lines.erase(ended, place.lines.end());
    for (const auto& line : place.lines) {
      if (!alone && line->takes_more()) return line;
    }
    if (place.failure) return std::unexpected(*place.failure);
    ++logins;
    const auto connect = [this, jumps, key](const Wait& wait) {
      logging_in_on = &key;
      auto session = log_in(jumps.back(), {jumps.begin(), jumps.end() - 1}, wait);
      logging_in_on = nullptr;
      const std::scoped_lock keep(mutex);
      auto& at = places[key];
      if (session) {
        at.was_good = true;
        at.failure.reset();
      } else if (!at.was_good && session.error().code != ErrorCode::lost &&
                 session.error().code != ErrorCode::cancelled) {
        at.failure = session.error();
      }
      return session;
    };
    return place.lines.emplace_back(std::make_shared<JumpLine>(jumps.back().name, connect, linger, alone));
  }

  LogIn log_in;
  std::chrono::milliseconds linger;
  std::mutex mutex;  // for all below
  std::map<std::string, Place> places;
  std::map<std::string, std::string> waits_for;
  std::size_t logins = 0;
};

JumpHosts::JumpHosts(LogIn log_in, std::chrono::milliseconds linger) : state_(std::make_unique<State>()) {
  state_->log_in = std::move(log_in);
  state_->linger = linger;
}

JumpHosts::~JumpHosts() {
  std::vector<std::shared_ptr<JumpLine>> lines;
  {
    const std::scoped_lock lock(state_->mutex);
    for (auto& [key, place] : state_->places)
      std::move(place.lines.begin(), place.lines.end(), std::back_inserter(lines));
    for (auto& [key, place] : state_->places) place.lines.clear();
  }
  // All at once: a login may wait for another one's.
  for (const auto& line : lines) line->stop();
}

std::size_t JumpHosts::logins() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->logins;
}

Result<Passage> JumpHosts::connect(const std::vector<Hop>& jumps, const Target& target, std::chrono::milliseconds limit, const Wait& wait) {
  const std::string key = key_of(jumps);
  const State::Waiting waiting(*state_, key);
  const auto& hop = jumps.back().name;
  if (waiting.in_circle()) {
    return std::unexpected(
        Error(ErrorCode::connect,
              fmt::format("jump host '{}' is reached through '{}', and that through '{}'", hop, target.name, hop),
              "check ProxyJump of both in the SSH configuration")
            .on(target.name));
  }
  bool alone = false;
  for (int tries = 0; tries < line_tries_limit; ++tries) {
    std::vector<std::shared_ptr<JumpLine>> old;
    auto line = state_->line_to(jumps, key, alone, old);
    if (!line) return std::unexpected(std::move(line).error().with_context("jump host '" + hop + "'").on(target.name));
    auto passage = (*line)->connect(target, limit, wait);
    if (!passage) return std::unexpected(std::move(passage).error());
    if (passage->has_value()) return **std::move(passage);
    alone = alone || (*line)->is_deaf();
  }
  return std::unexpected(
      Error(ErrorCode::lost,
            fmt::format("jump host '{}' was lost again and again, or is held up, before it came to '{}'", hop,
                        target.name),
            "check the jump host and run the same command again")
          .on(target.name));
}

}  // namespace kirikae::ssh
