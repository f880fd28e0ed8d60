#include "transfer/entry.h"

#include <fmt/format.h>

namespace kirikae::transfer {

unsigned kept_mode(unsigned mode, bool is_directory) { return (mode & 0777U) | (is_directory ? 0700U : 0U); }

std::string shown(std::string_view name) {
  std::string text = "'";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      text += "\\n";
    } else if (byte < 32 || byte == 127) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text + '\'';
}

Error cancelled_error() { return {ErrorCode::cancelled, "packing the source was stopped"}; }

}  // namespace kirikae::transfer
