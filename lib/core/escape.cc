#include "core/escape.h"

namespace kirikae {

EscapeSequence::Step EscapeSequence::next(unsigned char byte) {
  const bool intermediate = byte >= 0x20 && byte <= 0x2f;
  switch (part_) {
    case Part::introducer:
      part_ = byte == '['                                                                         ? Part::parameters
              : std::string_view("]PX^_").find(static_cast<char>(byte)) != std::string_view::npos ? Part::text
                                                                                                  : Part::short_form;
      if (part_ != Part::short_form) return Step::inside;
      [[fallthrough]];
    case Part::short_form:
      if (intermediate) return Step::inside;
      return byte >= 0x30 && byte <= 0x7e ? Step::last : Step::broken;
    case Part::parameters:
      if (byte >= 0x30 && byte <= 0x3f) return Step::inside;
      part_ = Part::intermediates;
      [[fallthrough]];
    case Part::intermediates:
      if (intermediate) return Step::inside;
      return byte >= 0x40 && byte <= 0x7e ? Step::last : Step::broken;
    case Part::text:  // up to BEL or ESC \, on one line
      if (byte == '\a') return Step::last;
      if (byte == '\x1b') part_ = Part::text_end;
      return byte == '\n' || byte == '\r' ? Step::broken : Step::inside;
    case Part::text_end:
      return byte == '\\' ? Step::last : Step::broken;
  }
  return Step::broken;
}

std::size_t escape_size(std::string_view bytes) {
  if (!bytes.starts_with('\x1b')) return 0;
  EscapeSequence sequence;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    const auto step = sequence.next(static_cast<unsigned char>(bytes[i]));
    if (step == EscapeSequence::Step::inside) continue;
    return step == EscapeSequence::Step::last ? i + 1 : 0;
  }
  return 0;
}

}  // namespace kirikae
