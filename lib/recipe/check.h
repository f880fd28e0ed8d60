// Checks a tree of nodes against the table of keys: unknown keys, wrong types, values out of range, missing keys.
#pragma once

#include <span>

#include "recipe/document.h"
#include "recipe/schema.h"

namespace kirikae::recipe {

enum class CheckPhase {
  written,  // as it stands in the file: values with ${…} are left out, and missing keys may still come from elsewhere
  final,    // merged and interpolated: `unknown` values are left out
};

// `map` holds `keys`. Keys that are missing at its top are left to the caller, who knows where to point.
void check_keys(const Node& map, std::span<const Key> keys, CheckPhase phase, Problems& problems);

// Where a section may be plain text (`migrate: bin/migrate`), makes it the map that it stands for. Precondition: none.
void expand_shorthands(Node& map, std::span<const Key> keys);

}  // namespace kirikae::recipe
