#include "ui/strip.h"

#include "ui/sanitize.h"

namespace kirikae::ui {

Strip& Strip::add(std::string_view text, Ink ink) {
  if (full_ || text.empty()) return *this;
  const std::string piece = cut(text, room());
  full_ = piece != text;
  width_ += display_width(piece);
  switch (ink) {
    case Ink::plain:
      text_ += piece;
      break;
    case Ink::good:
      text_ += palette_.good(piece);
      break;
    case Ink::bad:
      text_ += palette_.bad(piece);
      break;
    case Ink::faint:
      text_ += palette_.faint(piece);
      break;
    case Ink::strong:
      text_ += palette_.strong(piece);
      break;
  }
  return *this;
}

Strip& Strip::pad_to(std::size_t column) { return column > width_ ? add(std::string(column - width_, ' ')) : *this; }

}  // namespace kirikae::ui
