// What rsync is told of a source, and what this machine needs for it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "recipe/recipe.h"
#include "runner/payloads.h"
#include "transfer/listing.h"

namespace kirikae::deploy {

// None: the recipe doesn't want it. `limit`: null is none.
std::optional<runner::RsyncSource> rsync_source(const recipe::Recipe& recipe, const transfer::Listing& source, const std::string& program,
                                                std::shared_ptr<transfer::RateLimit> limit);

// The recipe wants it, and this machine doesn't have it.
std::optional<Error> missing_rsync(const recipe::Recipe& recipe);

}  // namespace kirikae::deploy
