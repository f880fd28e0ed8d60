// The source as a list: what would be packed, with the sum of each file.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

struct Listed {
  Entry entry;         // a hard link is a file here, as it will be one in the release
  std::string sha256;  // of a file
};
// Reads every file. Errors: as examine().
Result<std::vector<Listed>> list_source(const recipe::Source& source, const std::stop_token& stop);

}  // namespace kirikae::transfer
