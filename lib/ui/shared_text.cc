#include "ui/shared_text.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace kirikae::ui {
namespace {

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_'; }

}  // namespace

std::string without_host(const std::string& text, const std::string& host) {
  std::string general;
  std::size_t from = 0;
  for (std::size_t at = 0; !host.empty() && (at = text.find(host, at)) != std::string::npos;) {
    const std::size_t end = at + host.size();
    const bool whole = (at == 0 || !in_name(text[at - 1])) && (end == text.size() || !in_name(text[end]));
    if (whole) {
      general += text.substr(from, at - from) + "HOST";
      from = end;
    }
    at = end;
  }
  return general + text.substr(from);
}

void SharedText::add(const std::string& host, const std::string& text) {
  const std::string general = without_host(text, host);
  auto same = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.general == general && entry.hosts.empty() == host.empty(); });
  if (same == entries_.end()) same = entries_.insert(entries_.end(), {text, general, {}});
  if (!host.empty()) same->hosts.push_back(host);
}

std::vector<SharedText::Part> SharedText::parts() const {
  std::vector<Part> parts;
  for (const Entry& entry : entries_)
    parts.push_back({entry.hosts.size() > 1 ? entry.general : entry.first, entry.hosts});
  return parts;
}

}  // namespace kirikae::ui
