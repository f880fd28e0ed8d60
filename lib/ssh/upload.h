// Upload: what is sent as a step's standard input. It never waits: pump() does what can be done now.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/byte_source.h"
#include "ssh/control_shell.h"
#include "ssh/link.h"
#include "ssh/send_ahead.h"

namespace kirikae::ssh {

class Upload {
 public:
  // At most `limit` bytes are on their way, more where that helps; `on_sent` is told the bytes sent so far. Both outlive it.
  Upload(ByteSource& source, const std::function<void(std::uint64_t)>& on_sent, std::size_t limit);

  // As much as goes now. Error: the source's.
  Result<void> pump(ControlShell& shell, const Link& link);
  // It stopped only so that others have their turn.
  [[nodiscard]] bool again() const { return again_; }

 private:
  Result<void> write(ControlShell& shell, const Link& link);

  ByteSource& source_;
  const std::function<void(std::uint64_t)>& on_sent_;
  SendAhead ahead_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t sent_ = 0;
  bool ended_ = false;
  bool again_ = false;
};

}  // namespace kirikae::ssh
