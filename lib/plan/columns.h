// Rows of text in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace kirikae::plan {

// A line of heads, then one for each row, two blanks between columns; a column that is empty in every row is left out. A row has a cell
// for each head.
std::string in_columns(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows);

// "all hosts" where `names` are all of several, else the names, folded.
std::string where_text(const std::vector<std::string>& names, std::size_t all_hosts);

}  // namespace kirikae::plan
