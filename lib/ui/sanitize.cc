#include "ui/sanitize.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/escape.h"

namespace kirikae::ui {
namespace {

struct Character {
  char32_t point = 0;
  std::size_t size = 0;  // bytes; 0: these bytes are no UTF-8
};

struct Range {
  char32_t from, to;
};

// The first character of bytes that aren't empty. Overlong forms, surrogates and what lies beyond Unicode are refused.
Character decode(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < size) return {};
  char32_t point = first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < least[size] || surrogate || point > 0x10ffff ? Character{} : Character{point, size};
}

// Characters that steer instead of being seen: directions, line separators, fillers, tags.
bool steers(char32_t point) {
  constexpr std::array ranges = {Range{0x61c, 0x61c},    Range{0x180e, 0x180e}, Range{0x200b, 0x200b},
                                 Range{0x200e, 0x200f},  Range{0x2028, 0x202e}, Range{0x2060, 0x2069},
                                 Range{0x206a, 0x206f},  Range{0xfeff, 0xfeff}, Range{0xfff9, 0xfffb},
                                 Range{0xe0000, 0xe007f}};
  return std::ranges::any_of(ranges, [&](Range range) { return point >= range.from && point <= range.to; });
}

std::string visible(char32_t point) {
  return point < 0x100 ? fmt::format("\\x{:02x}", static_cast<unsigned>(point))
                       : fmt::format("<U+{:04X}>", static_cast<unsigned>(point));
}

// Builds the line as the terminal would leave it.
class Line {
 public:
  void add(std::string_view text, std::size_t width) {
    marks_.push_back({text_.size(), width});
    text_ += text;
    column_ += width;
  }
  void tab() {
    const std::size_t width = 8 - column_ % 8;
    add(std::string(width, ' '), width);
  }
  void backspace() {
    if (marks_.empty()) return;
    text_.resize(marks_.back().at);
    column_ -= marks_.back().width;
    marks_.pop_back();
  }
  std::string take() { return std::move(text_); }

 private:
  struct Mark {
    std::size_t at, width;
  };
  std::string text_;
  std::vector<Mark> marks_;
  std::size_t column_ = 0;
};

std::string sanitize_piece(std::string_view bytes) {
  Line line;
  while (!bytes.empty()) {
    const Character c = decode(bytes);
    std::size_t used = std::max<std::size_t>(c.size, 1);
    if (c.point == 0x1b && escape_size(bytes) > 0) {
      used = escape_size(bytes);
    } else if (c.point == '\t') {
      line.tab();
    } else if (c.point == '\b') {
      line.backspace();
    } else if (c.size == 0 || c.point < 0x20 || (c.point >= 0x7f && c.point < 0xa0) || steers(c.point)) {
      const std::string shown = visible(c.size == 0 ? static_cast<unsigned char>(bytes[0]) : c.point);
      if (c.point != '\a') line.add(shown, shown.size());
    } else {
      line.add(bytes.substr(0, c.size), display_width(bytes.substr(0, c.size)));
    }
    bytes.remove_prefix(used);
  }
  return line.take();
}

std::size_t width_of(char32_t point) {
  constexpr std::array none = {Range{0x300, 0x36f},   Range{0x483, 0x489},    Range{0x591, 0x5bd},
                               Range{0x610, 0x61a},   Range{0x64b, 0x65f},    Range{0x93c, 0x93c},
                               Range{0x94d, 0x94d},   Range{0xe31, 0xe31},    Range{0xe34, 0xe3a},
                               Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff},  Range{0x200c, 0x200d},
                               Range{0x20d0, 0x20ff}, Range{0x3099, 0x309a},  Range{0xfe00, 0xfe0f},
                               Range{0xfe20, 0xfe2f}, Range{0xe0100, 0xe01ef}};
  // Those that Unicode calls wide; where narrow ones stand between (1F300 and on), those too, since too wide does no harm.
  constexpr std::array two = {
      Range{0x1100, 0x115f}, Range{0x231a, 0x231b}, Range{0x2329, 0x232a}, Range{0x23e9, 0x23ec},
      Range{0x23f0, 0x23f0}, Range{0x23f3, 0x23f3}, Range{0x25fd, 0x25fe}, Range{0x2614, 0x2615},
      Range{0x2648, 0x2653}, Range{0x267f, 0x267f}, Range{0x2693, 0x2693}, Range{0x26a1, 0x26a1},
      Range{0x26aa, 0x26ab}, Range{0x26bd, 0x26be}, Range{0x26c4, 0x26c5}, Range{0x26ce, 0x26ce},
      Range{0x26d4, 0x26d4}, Range{0x26ea, 0x26ea}, Range{0x26f2, 0x26f3}, Range{0x26f5, 0x26f5},
      Range{0x26fa, 0x26fa}, Range{0x26fd, 0x26fd}, Range{0x2705, 0x2705}, Range{0x270a, 0x270b},
      Range{0x2728, 0x2728}, Range{0x274c, 0x274c}, Range{0x274e, 0x274e}, Range{0x2753, 0x2755},
      Range{0x2757, 0x2757}, Range{0x2795, 0x2797}, Range{0x27b0, 0x27b0}, Range{0x27bf, 0x27bf},
      Range{0x2b1b, 0x2b1c}, Range{0x2b50, 0x2b50}, Range{0x2b55, 0x2b55}, Range{0x2e80, 0x303e},
      Range{0x3041, 0x33ff}, Range{0x3400, 0x4dbf}, Range{0x4e00, 0x9fff}, Range{0xa000, 0xa4cf},
      Range{0xa960, 0xa97f}, Range{0xac00, 0xd7a3}, Range{0xf900, 0xfaff}, Range{0xfe10, 0xfe19},
      Range{0xfe30, 0xfe6f}, Range{0xff00, 0xff60}, Range{0xffe0, 0xffe6}, Range{0x16fe0, 0x1b2ff},
      Range{0x1f004, 0x1f004}, Range{0x1f0cf, 0x1f0cf}, Range{0x1f18e, 0x1f18e}, Range{0x1f191, 0x1f19a},
      Range{0x1f200, 0x1f265}, Range{0x1f300, 0x1f64f}, Range{0x1f680, 0x1f6ff}, Range{0x1f7e0, 0x1f7eb},
      Range{0x1f7f0, 0x1f7f0}, Range{0x1f900, 0x1f9ff}, Range{0x1fa70, 0x1faff}, Range{0x20000, 0x3fffd}};
  const auto within = [&](Range range) { return point >= range.from && point <= range.to; };
  if (std::ranges::any_of(none, within)) return 0;
  return std::ranges::any_of(two, within) ? 2 : 1;
}

}  // namespace

std::string sanitize_line(std::string_view bytes) {
  std::string best;
  for (std::size_t from = 0; from <= bytes.size();) {
    const auto end = std::min(bytes.find('\r', from), bytes.size());
    std::string piece = sanitize_piece(bytes.substr(from, end - from));
    if (piece.find_first_not_of(' ') != std::string::npos) best = std::move(piece);
    from = end + 1;
  }
  return best;
}

std::string sanitize_text(std::string_view bytes) {
  std::string text;
  for (std::size_t from = 0; from <= bytes.size();) {
    const auto end = std::min(bytes.find('\n', from), bytes.size());
    text += sanitize_line(bytes.substr(from, end - from));
    if (end < bytes.size()) text += '\n';
    from = end + 1;
  }
  return text;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character c = decode(text);
    width += width_of(c.point);
    text.remove_prefix(std::max<std::size_t>(c.size, 1));
  }
  return width;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  const std::size_t dots = std::min<std::size_t>(3, columns);
  std::size_t size = 0;
  for (std::size_t width = 0; size < text.size();) {
    const Character c = decode(text.substr(size));
    width += width_of(c.point);
    if (width > columns - dots) break;
    size += std::max<std::size_t>(c.size, 1);
  }
  return std::string(text.substr(0, size)) + std::string(dots, '.');
}

}  // namespace kirikae::ui
