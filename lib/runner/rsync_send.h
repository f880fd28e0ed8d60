// RsyncSend: an upload by the system's rsync, over the session that the host has already.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "plan/step.h"
#include "runner/payloads.h"
#include "ssh/bridge.h"

namespace kirikae::runner {

class RsyncSend {
 public:
  // Starts rsync on this machine. Errors: local (it can't be started, or wants something of the host that isn't understood), timeout,
  // cancelled.
  static Result<RsyncSend> start(const RsyncSource& source, const plan::Unpack& unpack, const ssh::Wait& wait);

  // How it wants to be called on the host.
  [[nodiscard]] const std::vector<std::string>& words() const { return bridge_->command(); }
  std::unique_ptr<ByteSource> data();
  // The step's standard output. What comes before rsync's own bytes goes to `other`.
  void hear(std::string_view bytes, const std::function<void(std::string_view)>& other);

  // The step has ended on the host, with `status`; then rsync ends here. `words`: what it said, a line each.
  struct End {
    bool well = false;
    bool vanished = false;  // a file that was listed wasn't there any more
    std::string words;
  };
  End end(int status);

 private:
  RsyncSend(std::unique_ptr<ssh::Bridge> bridge, std::shared_ptr<transfer::RateLimit> limit)
      : bridge_(std::move(bridge)), limit_(std::move(limit)) {}

  std::unique_ptr<ssh::Bridge> bridge_;
  std::shared_ptr<transfer::RateLimit> limit_;
  std::string head_;  // of the output
  bool begun_ = false;
};

}  // namespace kirikae::runner
