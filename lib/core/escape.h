// EscapeSequence: follows one escape sequence of a terminal (ECMA-48) byte by byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace kirikae {

class EscapeSequence {
 public:
  enum class Step { inside, last, broken };  // broken: what came is no sequence, and this byte is none of it
  // A byte behind ESC, until one isn't inside.
  Step next(unsigned char byte);

 private:
  enum class Part { introducer, parameters, intermediates, text, text_end, short_form };
  Part part_ = Part::introducer;
};

// The size of the complete sequence that `bytes` begin with; 0 where there is none.
std::size_t escape_size(std::string_view bytes);

}  // namespace kirikae
