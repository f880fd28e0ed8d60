// Part of the table of keys (schema.cc): what is deployed.
#pragma once

#include "recipe/schema.h"

namespace kirikae::recipe {

inline constexpr Key git_keys[] = {
    {.name = "repository",
     .type = Type::text,
     .fallback = ".",
     .summary = "A folder of this machine, relative to the recipe's, in a git repository, all of which is deployed; or a URL, which is mirrored "
                "in the cache folder.",
     .example = "repository: git@git.example.com:shop.git",
     .rule = repository_rule,
     .confidential = true},
    {.name = "revision",
     .type = Type::text,
     .fallback = "what is checked out; of a URL, its default branch",
     .summary = "A branch, a tag or a commit. One commit goes to all hosts. --revision, --branch and --tag win.",
     .example = "revision: v1.2.0",
     .rule = revision_rule},
};

inline constexpr Key source_keys[] = {
    {.name = "directory",
     .type = Type::text,
     .summary = "A directory of this machine, relative to the recipe's folder. It is packed as it stands, symlinks and modes kept, but setuid, "
                "setgid and sticky; folders can be written to by their owner, and what was a hole in a file is zeros.",
     .example = "directory: dist",
     .rule = local_path_rule},
    {.name = "exclude",
     .type = Type::texts,
     .summary = "With 'directory': what stays here, as patterns of .gitignore, the last match wins.",
     .example = "exclude: [\".git/\", \"*.map\", \"!keep.map\"]",
     .rule = pattern_rule},
    {.name = "archive",
     .type = Type::text,
     .summary = "An archive of this machine (tar, plain or compressed, or zip), relative to the recipe's folder. It may unpack to 1 GiB, or to "
                "200 times its own size. A setuid or setgid file of it is refused.",
     .example = "archive: build/shop.tar.gz",
     .rule = local_path_rule},
    {.name = "sha256",
     .type = Type::text,
     .summary = "With 'archive': its SHA-256. Where the file has another one, nothing is sent.",
     .example = "sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
     .rule = sha256_rule},
    {.name = "strip",
     .type = Type::number,
     .fallback = "0",
     .summary = "With 'archive': how many leading parts of its names are taken off, as by tar's --strip-components (a leading './' is none). "
                "What has no more parts is left out.",
     .example = "strip: 1",
     .least = 0,
     .most = 100},
    {.name = "git",
     .type = Type::section,
     .summary = "A commit of a git repository, with its submodules, by 'git archive' (export-ignore and export-subst of .gitattributes hold). The work "
                "tree is never touched, nor deployed. Text alone is short for 'repository'.",
     .example = "git: {repository: ., revision: main}",
     .shorthand = "repository",
     .keys = git_keys},
};

}  // namespace kirikae::recipe
