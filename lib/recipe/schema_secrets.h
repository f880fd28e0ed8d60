// Part of the table of keys (schema.cc): secrets.
#pragma once

#include "recipe/schema.h"

namespace kirikae::recipe {

inline constexpr Key secret_keys[] = {
    {.name = "env",
     .type = Type::text,
     .summary = "The value of this variable of this machine's environment.",
     .example = "env: API_KEY",
     .rule = outer_env_rule,
     .interpolated = false},
    {.name = "file",
     .type = Type::text,
     .summary = "The content of this file, without its last line break; relative to the recipe's folder.",
     .example = "file: secrets/api-key",
     .rule = local_path_rule},
    {.name = "command",
     .type = Type::text,
     .summary = "What this shell text prints, without its last line break. It runs on this machine, in the recipe's folder, once, "
                "for at most two minutes.",
     .example = "command: pass show shop/api-key",
     .rule = command_rule,
     .interpolated = false},
};
inline constexpr Key secret_key[] = {{.name = "*",
                                      .type = Type::section,
                                      .example = "API_KEY: {env: API_KEY}",
                                      .confidential = true,
                                      .keys = secret_keys}};

}  // namespace kirikae::recipe
