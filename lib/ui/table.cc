#include "ui/table.h"

#include <algorithm>

#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return right ? blanks + text : text + blanks;
}

}  // namespace

std::string table_text(const std::vector<Column>& heads, const std::vector<std::vector<std::string>>& rows,
                       std::size_t columns) {
  std::vector<std::size_t> used;  // the columns that are not empty
  std::vector<std::size_t> width(heads.size());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    for (const auto& row : rows) width[i] = std::max(width[i], display_width(row[i]));
    if (width[i] == 0) continue;
    width[i] = std::max(width[i], display_width(heads[i].title));
    used.push_back(i);
  }
  if (used.size() > 1 && columns > 0) {
    constexpr std::size_t least = 16, wanted_last = 16;  // errors are told in full below the table
    std::size_t others = std::min(width[used.back()], wanted_last);
    for (const std::size_t i : used) others += i == used.front() ? 0 : i == used.back() ? 2 : width[i] + 2;
    std::size_t& first = width[used.front()];
    first = std::min(first, std::max(least, columns > others ? columns - others : 0));
  }
  std::string text;
  const auto add = [&](const auto& cell_of) {
    std::string line;
    for (const std::size_t i : used) {
      if (i != used.front()) line += "  ";
      const std::string& cell = cell_of(i);
      const std::size_t at = display_width(line);
      const bool last = i == used.back();
      line += last && columns > at + 3
                  ? padded(cut(cell, columns - at), std::min(width[i], columns - at), heads[i].right)
                  : padded(cut(cell, width[i]), width[i], heads[i].right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add([&](std::size_t i) -> const std::string& { return heads[i].title; });
  for (const auto& row : rows) add([&](std::size_t i) -> const std::string& { return row[i]; });
  return text;
}

}  // namespace kirikae::ui
