#include "recipe/ipv6.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace kirikae::recipe {
namespace {

constexpr std::size_t group_count = 8;
using Groups = std::vector<unsigned>;

std::optional<unsigned> number(std::string_view text, int base, std::size_t most_digits, unsigned most) {
  unsigned value = 0;
  if (text.empty() || text.size() > most_digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// `1:2:3`, perhaps with an IPv4 address at its end; empty text has no groups.
std::optional<Groups> parse_groups(std::string_view text, bool may_end_in_ipv4) {
  Groups groups;
  if (text.empty()) return groups;
  const auto parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (may_end_in_ipv4 && i + 1 == parts.size() && parts[i].find('.') != std::string_view::npos) {
      const auto bytes = split(parts[i], '.');
      if (bytes.size() != 4) return std::nullopt;
      std::array<unsigned, 4> values{};
      for (std::size_t k = 0; k < 4; ++k) {
        const auto value = number(bytes[k], 10, 3, 255);
        if (!value) return std::nullopt;
        values[k] = *value;
      }
      groups.push_back(values[0] << 8U | values[1]);
      groups.push_back(values[2] << 8U | values[3]);
    } else if (const auto group = number(parts[i], 16, 4, 0xffff)) {
      groups.push_back(*group);
    } else {
      return std::nullopt;
    }
  }
  return groups;
}

std::optional<Groups> parse(std::string_view text) {
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) {
    auto groups = parse_groups(text, true);
    if (!groups || groups->size() != group_count) return std::nullopt;
    return groups;
  }
  auto head = parse_groups(text.substr(0, gap), false);
  const auto tail = parse_groups(text.substr(gap + 2), true);
  if (!head || !tail || head->size() + tail->size() >= group_count) return std::nullopt;
  head->resize(group_count - tail->size());
  head->insert(head->end(), tail->begin(), tail->end());
  return head;
}

std::string written(const Groups& groups) {
  std::size_t best = 0;
  std::size_t best_size = 1;  // a single zero is not shortened
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::size_t size = 0;
    while (i + size < groups.size() && groups[i + size] == 0) ++size;
    if (size > best_size) {
      best = i;
      best_size = size;
    }
  }
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (best_size > 1 && i == best) {
      text += "::";
      i += best_size - 1;
    } else {
      text += fmt::format("{}{:x}", text.empty() || text.ends_with(':') ? "" : ":", groups[i]);
    }
  }
  return text;
}

}  // namespace

std::string canonical_ipv6(std::string_view text) {
  constexpr std::string_view zone_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  const auto percent = text.find('%');
  const std::string_view zone = percent == std::string_view::npos ? "" : text.substr(percent + 1);
  const bool has_zone = percent != std::string_view::npos;
  if (has_zone && (zone.empty() || zone.find_first_not_of(zone_letters) != std::string_view::npos)) return {};
  const auto groups = parse(text.substr(0, percent));
  if (!groups) return {};
  return has_zone ? fmt::format("{}%{}", written(*groups), zone) : written(*groups);
}

}  // namespace kirikae::recipe
