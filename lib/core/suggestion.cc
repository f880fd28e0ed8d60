#include "core/suggestion.h"

#include <algorithm>
#include <vector>

namespace kirikae {
namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> known) {
  if (typed.size() > 100) return std::nullopt;  // no name of ours is near, and the cost is quadratic
  // Something of what was typed must be right.
  std::size_t best = std::min(std::max<std::size_t>(1, typed.size() / 3) + 1, typed.size());
  std::optional<std::string> name;
  for (const auto& candidate : known) {
    const auto d = distance(typed, candidate);
    if (d < best) {
      best = d;
      name = candidate;
    }
  }
  return name;
}

}  // namespace kirikae
