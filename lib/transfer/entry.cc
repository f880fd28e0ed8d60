#include "transfer/entry.h"

#include <fmt/format.h>

#include "release/manifest.h"

namespace kirikae::transfer {

unsigned kept_mode(unsigned mode, bool is_directory) { return (mode & 0777U) | (is_directory ? 0700U : 0U); }

bool can_be_listed(const Entry& entry) {
  return entry.kind == Entry::Kind::file && (entry.mode & 0400U) != 0 && release::can_be_listed(entry.path);
}

void add_to_sum(Sha256& sum, const Entry& entry, std::string_view content) {
  const unsigned mode = entry.kind == Entry::Kind::symlink ? 0 : entry.mode;
  sum.update(fmt::format("{} {} {} ", static_cast<int>(entry.kind), mode, entry.path.size()));
  sum.update(entry.path);
  sum.update(fmt::format(" {} ", content.size()));
  sum.update(content);
}

std::string sum_of(const Entry& entry) {
  Sha256 sum;
  add_to_sum(sum, entry, entry.target);
  return sum.hex();
}

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
