// Screen: a small terminal. What a person would see after the bytes that were written, and what scrolled out at the
// top.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::golden {

// Knows what the live display may use: CR, LF, cursor up, erase to the end of the line or screen, cursor off and on,
// where frames begin and end, colours; and throws at anything else. One byte is one column. Lines wrap.
class Screen {
 public:
  Screen(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), lines_(1) {}

  void write(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\x1b') {
        i = escape(bytes, i);
      } else if (bytes[i] == '\n') {
        line_feed();
      } else if (bytes[i] == '\r') {
        x_ = 0;
      } else {
        put(bytes[i]);
      }
    }
  }

  // What is on the screen, without blanks at line ends; and with all that has scrolled out above.
  [[nodiscard]] std::string text() const { return joined(top()); }
  [[nodiscard]] std::string all() const { return joined(0); }
  [[nodiscard]] bool cursor_shown() const { return cursor_shown_; }

 private:
  [[nodiscard]] std::size_t top() const { return lines_.size() > rows_ ? lines_.size() - rows_ : 0; }

  std::size_t escape(std::string_view bytes, std::size_t at) {
    const auto end = bytes.find_first_of("ABCDHJKhlm", at);
    const std::string sequence(bytes.substr(at, end - at + 1));
    const std::string parameters = sequence.substr(2, sequence.size() - 3);
    switch (sequence.back()) {
      case 'A':
        y_ -= std::min<std::size_t>(std::stoul(parameters), y_ - top());
        break;
      case 'J':
        lines_.resize(y_ + 1);
        [[fallthrough]];
      case 'K':
        lines_[y_].resize(std::min(lines_[y_].size(), x_));
        break;
      case 'm':
        break;
      default:
        if (parameters == "?25") {
          cursor_shown_ = sequence.back() == 'h';
        } else if (parameters != "?2026") {
          throw std::runtime_error("unexpected sequence ESC" + sequence.substr(1));
        }
    }
    return end;
  }
  void line_feed() {
    x_ = 0;
    if (++y_ == lines_.size()) lines_.emplace_back();
  }
  void put(char c) {
    if (x_ == columns_) line_feed();
    std::string& line = lines_[y_];
    line.resize(std::max(line.size(), x_ + 1), ' ');
    line[x_++] = c;
  }
  [[nodiscard]] std::string joined(std::size_t from) const {
    std::string text;
    for (std::size_t i = from; i < lines_.size(); ++i) {
      std::string line = lines_[i];
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + (i + 1 < lines_.size() ? "\n" : "");
    }
    return text;
  }

  std::size_t columns_, rows_;
  std::vector<std::string> lines_;
  std::size_t x_ = 0, y_ = 0;
  bool cursor_shown_ = true;
};

}  // namespace kirikae::golden
