#include "ui/shared_text.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

namespace kirikae::ui {
namespace {

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_'; }

// Where the name stands in the text, as a whole.
std::vector<std::size_t> places_of(const std::string& host, const std::string& text) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; !host.empty() && (at = text.find(host, at)) != std::string::npos; at += host.size()) {
    const std::size_t end = at + host.size();
    if ((at == 0 || !in_name(text[at - 1])) && (end == text.size() || !in_name(text[end]))) places.push_back(at);
  }
  return places;
}

}  // namespace

std::string without_host(const std::string& text, const std::string& host) {
  std::string general;
  std::size_t from = 0;
  for (const std::size_t at : places_of(host, text)) {
    general += text.substr(from, at - from) + '\0';
    from = at + host.size();
  }
  return general + text.substr(from);
}

std::string said_of_all(const std::string& text, const std::string& host) {
  std::string said;
  std::size_t from = 0;
  std::optional<std::size_t> kept;  // the first that stays, in `said`
  for (const std::size_t at : places_of(host, text)) {
    const std::size_t end = at + host.size();
    const bool quoted = at > from && text[at - 1] == '\'' && end < text.size() && text[end] == '\'';
    said += text.substr(from, at - from - (quoted ? 1 : 0));
    if (!quoted && !kept) kept = said.size();
    said += quoted ? "the host" : host;
    from = end + (quoted ? 1 : 0);
  }
  said += text.substr(from);
  if (kept) said.insert(std::min(said.find('\n', *kept), said.size()), " (likewise the others)");
  return said;
}

void SharedText::add(const std::string& host, const std::string& text) {
  const std::string general = without_host(text, host);
  auto same = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.general == general && entry.hosts.empty() == host.empty(); });
  if (same == entries_.end()) same = entries_.insert(entries_.end(), {text, general, {}});
  if (!host.empty() && std::ranges::find(same->hosts, host) == same->hosts.end()) same->hosts.push_back(host);
}

std::vector<SharedText::Part> SharedText::parts() const {
  std::vector<Part> parts;
  for (const Entry& entry : entries_)
    parts.push_back({entry.hosts.size() > 1 ? said_of_all(entry.first, entry.hosts.front()) : entry.first, entry.hosts});
  return parts;
}

}  // namespace kirikae::ui
