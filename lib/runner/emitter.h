// Emitter: stamps events with the seconds since the run began, takes the run's secrets out of them, and hands them on.
#pragma once

#include <chrono>
#include <utility>

#include "core/secret_set.h"
#include "event/event.h"
#include "event/redact.h"
#include "runner/quiet_clock.h"

namespace kirikae::runner {

class Emitter {
 public:
  // Both outlive it. `secrets` may be null: there are none.
  explicit Emitter(event::Sink& sink, const SecretSet* secrets = nullptr) : sink_(sink), secrets_(secrets) {}

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void operator()(event::Any what) const {
    if (has_secrets()) event::redact(what, secrets_->redactor());
    sink_.emit({seconds(), std::move(what)});
  }

  [[nodiscard]] bool has_secrets() const { return secrets_ != nullptr && !secrets_->redactor().empty(); }
  [[nodiscard]] const SecretSet* secrets() const { return secrets_; }
  [[nodiscard]] QuietClock& clock() const { return clock_; }

 private:
  event::Sink& sink_;
  const SecretSet* secrets_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  mutable QuietClock clock_;
};

}  // namespace kirikae::runner
