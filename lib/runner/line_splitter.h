// LineSplitter: raw output in pieces becomes lines of bounded length.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

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
      rest_ += piece.substr(0, room);
      if (piece.size() > room) {  // a line without end comes in pieces, so that memory stays bounded
        flush();
        bytes.remove_prefix(room);
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
