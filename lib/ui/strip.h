// Strip: one line of a screen, put together from pieces in their colours, that never gets wider than it may.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ui/terminal.h"

namespace kirikae::ui {

enum class Ink { plain, good, bad, faint, strong };

class Strip {
 public:
  Strip(std::size_t columns, const Palette& palette) : columns_(columns), palette_(palette) {}

  // Sanitised text. What has no room is cut, and ends in `...`.
  Strip& add(std::string_view text, Ink ink = Ink::plain);
  // Blanks up to that column.
  Strip& pad_to(std::size_t column);

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t room() const { return columns_ - width_; }
  [[nodiscard]] const std::string& text() const { return text_; }  // with colours

 private:
  std::size_t columns_;
  Palette palette_;
  std::string text_;
  std::size_t width_ = 0;
  bool full_ = false;
};

}  // namespace kirikae::ui
