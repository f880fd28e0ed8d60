// Bytes that came from elsewhere, made harmless for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kirikae::ui {

// One line, as a terminal would leave it but without its powers: colours and complete escape sequences are dropped;
// after a carriage return the last piece that isn't empty wins; a backspace takes the character before it; tabs become
// blanks up to the next multiple of eight. What is left and could still do something (other control characters, C1,
// marks that turn the direction of writing, invisible tags, bytes that are no UTF-8) is shown as `\x1b` or `<U+202E>`.
// Newlines are shown too. Valid UTF-8.
std::string sanitize_line(std::string_view bytes);

// The same for text of several lines; newlines stay.
std::string sanitize_text(std::string_view bytes);

// Columns that valid UTF-8 takes on a terminal: wide characters two, combining ones none.
std::size_t display_width(std::string_view text);

// At most `columns` wide; where something was cut off it ends in `...`.
std::string cut(std::string_view text, std::size_t columns);

}  // namespace kirikae::ui
