#include "ssh/printable.h"

#include <algorithm>

namespace kirikae::ssh {

std::string printable(std::string_view bytes, std::size_t limit) {
  bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  bytes = bytes.substr(0, bytes.find_first_of("\r\n"));
  std::string text;
  for (const char byte : bytes.substr(0, limit)) text += byte >= ' ' && byte <= '~' ? byte : '?';
  if (bytes.size() > limit) text += "...";
  return text;
}

}  // namespace kirikae::ssh
