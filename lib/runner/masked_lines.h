// MaskedLines: what a command prints on one of its streams, as lines without secrets. Here is where the words of commands enter: what
// comes behind sees only the lines.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>

#include "core/redactor.h"
#include "runner/emitter.h"
#include "runner/line_splitter.h"

namespace kirikae::runner {

class MaskedLines {
 public:
  // `emit` outlives it. `on_line` is called by whoever calls add() or flush(), or by another thread where what was kept back (it could
  // have become a secret) is set free since nothing more came; never by two at the same time, and not after flush().
  MaskedLines(const Emitter& emit, LineSplitter::OnLine on_line);
  ~MaskedLines();
  MaskedLines(const MaskedLines&) = delete;
  MaskedLines& operator=(const MaskedLines&) = delete;

  void add(std::string_view bytes);
  // The end of the stream: the last line, where it had no newline.
  void flush();

 private:
  void tick();

  std::mutex mutex_;
  LineSplitter lines_;
  std::optional<RedactorStream> stream_;  // none: the run has no secrets
  bool came_ = false;                     // something came since the last tick
  QuietClock* clock_ = nullptr;
  int key_ = 0;
};

}  // namespace kirikae::runner
