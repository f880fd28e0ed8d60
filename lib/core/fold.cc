#include "core/fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

namespace kirikae {
namespace {

struct Numbered {
  std::string before, digits, after;
};

// Whether it is made of numbers, which no range would make clearer: an address, perhaps with its port.
bool is_address(const std::string& name) {
  return std::count(name.begin(), name.end(), ':') > 1 || name.find_first_not_of("0123456789.:") == std::string::npos;
}

// Splits at the first run of digits.
std::optional<Numbered> split(const std::string& name) {
  if (is_address(name)) return std::nullopt;
  const auto from = name.find_first_of("0123456789");
  if (from == std::string::npos) return std::nullopt;
  auto to = name.find_first_not_of("0123456789", from);
  if (to == std::string::npos) to = name.size();
  if (to - from > 9) return std::nullopt;
  return Numbered{name.substr(0, from), name.substr(from, to - from), name.substr(to)};
}

struct Group {
  std::optional<Numbered> shape;     // none: a name that stands for itself
  std::vector<std::string> numbers;  // digits as written
  std::string name;
};

std::string ranges(std::vector<std::string> numbers) {
  const auto value = [](const std::string& digits) { return std::stol(digits); };
  std::sort(numbers.begin(), numbers.end(), [&](const auto& a, const auto& b) { return value(a) < value(b); });
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t j = i;
    while (j + 1 < numbers.size() && value(numbers[j + 1]) == value(numbers[j]) + 1) ++j;
    if (!text.empty()) text += ',';
    text += numbers[i];
    if (j > i) text += (j == i + 1 ? ',' : '-') + numbers[j];
    i = j + 1;
  }
  return text;
}

bool same_shape(const Numbered& a, const Numbered& b) {
  const auto padded = [](const std::string& digits) { return digits.size() > 1 && digits[0] == '0'; };
  const bool widths = a.digits.size() == b.digits.size() || (!padded(a.digits) && !padded(b.digits));
  return a.before == b.before && a.after == b.after && widths;
}

}  // namespace

std::string fold_names(const std::vector<std::string>& names) {
  std::vector<Group> groups;
  for (const auto& name : names) {
    const auto shape = split(name);
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return shape && group.shape && same_shape(*group.shape, *shape);
    });
    if (same != groups.end()) {
      same->numbers.push_back(shape->digits);
    } else {
      groups.push_back({shape, shape ? std::vector<std::string>{shape->digits} : std::vector<std::string>{}, name});
    }
  }
  std::string text;
  for (const Group& group : groups) {
    if (!text.empty()) text += ' ';
    if (group.numbers.size() < 2) {
      text += group.name;
    } else {
      text += fmt::format("{}[{}]{}", group.shape->before, ranges(group.numbers), group.shape->after);
    }
  }
  return text;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::size_t whole_characters(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return text.size();
  constexpr std::size_t most_inner = 3;  // bytes of a character behind its first one
  const auto is_inner = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; };
  std::size_t end = longest;
  while (end > 0 && longest - end < most_inner && is_inner(end)) --end;
  return is_inner(end) ? longest : end;
}

std::string short_revision(const std::string& revision) {
  constexpr std::size_t longest = 40;
  const bool is_sum = revision.size() >= longest && revision.find_first_not_of("0123456789abcdef") >= longest;
  if (is_sum) return revision.substr(0, 12) + (revision.ends_with("-dirty") ? "-dirty" : "");
  return revision.substr(0, whole_characters(revision, longest));
}

}  // namespace kirikae
