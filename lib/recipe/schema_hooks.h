// Part of the table of keys (schema.cc): hooks.
#pragma once

#include "recipe/schema.h"

namespace kirikae::recipe {

inline constexpr Key hook_keys[] = {
    {.name = "before_connect",
     .type = Type::texts,
     .summary = "Before a deploy connects to any host; local tasks only.",
     .example = "before_connect: [build_assets]"},
    {.name = "after_connect",
     .type = Type::texts,
     .summary = "All hosts answer and are fit for the release; nothing is written yet.",
     .example = "after_connect: [announce]"},
    {.name = "before_upload",
     .type = Type::texts,
     .summary = "Before the release is sent.",
     .example = "before_upload: [drain_cache]"},
    {.name = "after_upload",
     .type = Type::texts,
     .summary = "The files are in the new release, nothing is linked yet.",
     .example = "after_upload: [unpack_vendor]"},
    {.name = "before_link",
     .type = Type::texts,
     .summary = "Before shared paths are linked into the release.",
     .example = "before_link: [prepare_config]"},
    {.name = "after_link",
     .type = Type::texts,
     .summary = "Shared paths and REVISION are in place.",
     .example = "after_link: [check_config]"},
    {.name = "before_build",
     .type = Type::texts,
     .summary = "Before 'build'.",
     .example = "before_build: [fetch_cache]"},
    {.name = "build",
     .type = Type::texts,
     .summary =
         "Makes the new release ready, on all hosts, before any host is switched: dependencies, assets, migrations.",
     .example = "build: [install, migrate]"},
    {.name = "after_build", .type = Type::texts, .summary = "After 'build'.", .example = "after_build: [smoke_test]"},
    {.name = "before_publish",
     .type = Type::texts,
     .summary = "Every host has the complete release; the last stop before 'current' changes. Also runs in a rollback.",
     .example = "before_publish: [pause_workers]"},
    {.name = "after_publish",
     .type = Type::texts,
     .summary = "'current' is the new release: restart what serves it. Also runs in a rollback.",
     .example = "after_publish: [restart]"},
    {.name = "before_prune",
     .type = Type::texts,
     .summary = "Before old releases are removed. In a deploy what fails there is a warning, and nothing is removed on that host; 'deploy prune' "
                "fails, and nothing is removed anywhere.",
     .example = "before_prune: [archive_logs]"},
    {.name = "after_prune",
     .type = Type::texts,
     .summary = "Old releases are gone; the last hook of a deploy. What fails there is a warning.",
     .example = "after_prune: [announce]"},
    {.name = "failed",
     .type = Type::texts,
     .summary = "A deploy or a rollback has failed, or was stopped, but not once its release serves for good. Tasks with 'local' run at whatever "
                "point that was; on hosts, only where the release is on them already.",
     .example = "failed: [alert]"},
    {.name = "after_rollback",
     .type = Type::texts,
     .summary = "A rollback is done, its 'after_publish' tasks too. What fails there is a warning.",
     .example = "after_rollback: [announce]"},
};

}  // namespace kirikae::recipe
