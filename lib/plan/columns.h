// Rows of text in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace kirikae::plan {

// One line for each row, two blanks between columns; a column that is empty in every row is left out. Rows are equally long.
std::string in_columns(const std::vector<std::vector<std::string>>& rows);

// "all hosts" where `names` are all of several, else the names, folded.
std::string where_text(const std::vector<std::string>& names, std::size_t all_hosts);

}  // namespace kirikae::plan
