// Columns of text, aligned.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kirikae::ui {

struct Column {
  std::string title;
  bool right = false;  // numbers
};

// Lines that end with a newline. Columns that are empty in every row are left out. `columns`: how wide a line may be
// (the last column is cut, the first one before that, to no less than 16), 0: as wide as it gets. A row has one cell for each column.
std::string table_text(const std::vector<Column>& heads, const std::vector<std::vector<std::string>>& rows,
                       std::size_t columns);

}  // namespace kirikae::ui
