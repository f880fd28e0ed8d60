#include "core/shell_quote.h"

namespace kirikae {

std::string shell_quote(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  quoted += '\'';
  return quoted;
}

std::string shell_assign(std::string_view name, std::string_view value) {
  return std::string(name) + '=' + shell_quote(value) + '\n';
}

std::string shell_word(std::string_view value) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  const bool safe = !value.empty() && value.find_first_not_of(plain) == std::string_view::npos;
  return safe ? std::string(value) : shell_quote(value);
}

}  // namespace kirikae
