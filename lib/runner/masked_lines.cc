#include "runner/masked_lines.h"

#include <utility>

namespace kirikae::runner {

MaskedLines::MaskedLines(const Emitter& emit, LineSplitter::OnLine on_line) : lines_(std::move(on_line)) {
  if (!emit.has_secrets()) return;
  stream_.emplace(emit.secrets()->redactor());
  clock_ = &emit.clock();
  key_ = clock_->add([this] { tick(); });
}

MaskedLines::~MaskedLines() {
  if (clock_ != nullptr) clock_->remove(key_);
}

void MaskedLines::add(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!stream_) return lines_.add(bytes);
  came_ = true;
  lines_.add(stream_->add(bytes));
}

void MaskedLines::flush() {
  if (clock_ != nullptr) std::exchange(clock_, nullptr)->remove(key_);
  const std::lock_guard lock(mutex_);
  if (stream_) lines_.add(stream_->end());
  lines_.flush();
}

// Only after a whole quarter of a second without anything new.
void MaskedLines::tick() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(came_, false) && stream_->holds()) lines_.add(stream_->pause());
}

}  // namespace kirikae::runner
