#include "plan/columns.h"

#include <algorithm>

#include "core/fold.h"

namespace kirikae::plan {
namespace {

// Characters, as far as UTF-8 tells.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string in_columns(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(heads.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = widths[i] == 0 ? 0 : std::max(widths[i], width_of(heads[i]));
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] != 0) line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add(heads);
  for (const auto& row : rows) add(row);
  return text;
}

std::string where_text(const std::vector<std::string>& names, std::size_t all_hosts) {
  return names.size() > 1 && names.size() == all_hosts ? "all hosts" : fold_names(names);
}

}  // namespace kirikae::plan
