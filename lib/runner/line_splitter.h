// LineSplitter: raw output in pieces becomes lines of bounded length.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/fold.h"

namespace kirikae::runner {

class LineSplitter {
 public:
  using OnLine = std::function<void(std::string)>;
  explicit LineSplitter(OnLine on_line) : on_line_(std::move(on_line)) {}

  void add(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto piece = bytes.substr(0, end);
      const auto room = longest - rest_.size();
      rest_ += piece.substr(0, room + 1);
      if (piece.size() > room) {  // a line without end comes in pieces, so that memory stays bounded
        const auto whole = whole_characters(rest_, longest);
        on_line_(rest_.substr(0, whole));
        rest_.erase(0, whole);
        bytes.remove_prefix(room + 1);
        continue;
      }
      if (end == std::string_view::npos) return;
      on_line_(std::exchange(rest_, {}));
      bytes.remove_prefix(end + 1);
    }
  }
  // The last line, where it had no newline.
  void flush() {
    if (!rest_.empty()) on_line_(std::exchange(rest_, {}));
  }

 private:
  static constexpr std::size_t longest = 16 * 1024;
  OnLine on_line_;
  std::string rest_;
};

}  // namespace kirikae::runner
