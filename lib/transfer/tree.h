// The tree of a directory source: every entry below it that the excludes leave, in an order that depends on the names alone.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <stop_token>
#include <string>

#include "recipe/recipe.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

// Symlinks are handed over as links and never followed (but for the source's own path); what they point to is the operator's
// business, outside of the tree too. Hard links come as separate files. Content::open and read() fail (local) for what can't be
// read, vanished, or changed since it was listed. Errors: recipe (no such directory, or nothing in it), local (unreadable
// directory, socket, fifo or device: each named), cancelled.
Result<void> walk_tree(const recipe::DirectorySource& source, const std::stop_token& stop, const Visit& visit);

// The content of a file of the tree, after the walk: `path` is its whole path, `listed` what it was then (Content::listed).
std::unique_ptr<Content> content_of(std::string path, const struct stat& listed);

}  // namespace kirikae::transfer
