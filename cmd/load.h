// From the command line to a checked recipe and its hosts.
#pragma once

#include <expected>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "deploy/deploy.h"
#include "options.h"
#include "recipe/recipe.h"
#include "verb.h"

namespace kirikae::cmd {

struct RecipeFile {
  std::string path;    // as people know it: relative where it lies in or below the current folder
  std::string folder;  // absolute
  std::string text;
};
Result<RecipeFile> open_recipe(const Options& options);

// The recipe of the stage that the command line names. Errors (usage): no such stage, with the nearest.
std::expected<recipe::Recipe, Errors> load_stage(const Options& options);

// The same with its hosts, filtered; where the verb needs the answers to the recipe's prompts, they are asked for.
std::expected<deploy::Request, Errors> load_request(const Options& options, const std::stop_token& stop);

}  // namespace kirikae::cmd
