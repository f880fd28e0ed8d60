#include "recipe/text.h"

#include <fmt/format.h>

namespace kirikae::recipe {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Length of the well-formed sequence at `i`, 0 where there is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const unsigned lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return 0;
  const unsigned second = byte_at(text, i + 1);
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xc0U) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::size_t invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t length = sequence_length(text, i);
    if (length == 0) return i;
    i += length;
  }
  return i;
}

std::string in_quotes(std::string_view value) {
  constexpr std::size_t longest = 60;
  std::string shown = "'";
  for (std::size_t i = 0; i < value.size();) {
    const std::size_t length = std::max<std::size_t>(1, sequence_length(value, i));
    if (i + length > longest) {
      shown += "…";
      break;
    }
    const unsigned byte = byte_at(value, i);
    if (byte == '\n') {
      shown += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else if (value.substr(i, length) == "\u00a0") {  // a no-break space, which looks like a blank
      shown += "<U+00A0>";
    } else {
      shown += value.substr(i, length);
    }
    i += length;
  }
  return shown + '\'';
}

}  // namespace kirikae::recipe
