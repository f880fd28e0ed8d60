#include "support/dice.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace kirikae::test {

std::string Dice::bytes(std::size_t size) {
  std::string text(size + 4, '\0');
  for (std::size_t at = 0; at < size; at += 4) {
    const std::uint32_t word = engine_();
    std::memcpy(text.data() + at, &word, 4);
  }
  text.resize(size);
  return text;
}

unsigned long number_from(const char* variable, unsigned long otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoul(text, nullptr, 10) : otherwise;
}

}  // namespace kirikae::test
