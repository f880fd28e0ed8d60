// Part of the table of keys (schema.cc): secrets, prompts and templates.
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

inline constexpr Key prompt_default_keys[] = {
    {.name = "text",
     .type = Type::text,
     .summary = "The answer itself.",
     .example = "text: main"},
    {.name = "command",
     .type = Type::text,
     .summary = "What this shell text prints on this machine, in the recipe's folder, without its last line break; run only when the "
                "question is asked.",
     .example = "command: git describe --tags --abbrev=0",
     .rule = command_rule,
     .interpolated = false},
};
inline constexpr Key prompt_keys[] = {
    {.name = "question",
     .type = Type::text,
     .summary = "What is asked.",
     .example = "question: Release version",
     .rule = one_line_rule,
     .required = true},
    {.name = "default",
     .type = Type::section,
     .summary = "The answer of those who just press return, and where nobody can be asked: text, or a map with 'command'.",
     .example = "default: {command: git describe --tags --abbrev=0}",
     .shorthand = "text",
     .keys = prompt_default_keys},
    {.name = "secret",
     .type = Type::flag,
     .fallback = "false",
     .summary = "The answer isn't shown while it is typed, and is a secret like those of 'secrets'.",
     .example = "secret: true"},
};
inline constexpr Key prompt_key[] = {
    {.name = "*", .type = Type::section, .example = "version: {question: Release version}", .keys = prompt_keys}};

inline constexpr Key template_keys[] = {
    {.name = "from",
     .type = Type::text,
     .summary = "The template, a file of this machine, relative to the recipe's folder.",
     .example = "from: templates/app.conf.mustache",
     .rule = local_path_rule,
     .required = true},
    {.name = "to",
     .type = Type::text,
     .summary = "Where the result goes, in the release.",
     .example = "to: config/app.conf",
     .rule = payload_path_rule,
     .required = true},
    {.name = "mode",
     .type = Type::text,
     .fallback = "\"0644\"",
     .summary = "The file's mode, in octal. With a secret in the template 0640 is the default, and the most.",
     .example = "mode: \"0600\"",
     .rule = mode_rule},
    {.name = "shared",
     .type = Type::flag,
     .fallback = "false",
     .summary = "'to' is in <deploy_to>/shared instead, from where `shared` links it. The live release sees it at "
                "once, and nothing takes it back.",
     .example = "shared: true"},
};
inline constexpr Key template_key[] = {
    {.name = "*", .type = Type::section, .example = "{from: templates/app.conf, to: config/app.conf}", .keys = template_keys}};

}  // namespace kirikae::recipe
