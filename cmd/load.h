// From the command line to a checked recipe and its hosts.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/secret.h"
#include "deploy/deploy.h"
#include "inventory/inventory.h"
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

// Once more, for what is said of a run that has failed. None: it can't be read, or is no file, such as a pipe, which can be read but once.
std::optional<RecipeFile> reopen_recipe(const Options& options);

// Whether it is known that the recipe hasn't the stage that the command line names.
bool is_no_stage(const Options& options);
// What the recipe calls the application of each stage, for what is said of runs; empty: it doesn't say.
std::map<std::string, std::string> application_names(const RecipeFile& file, const std::vector<std::string>& sets = {});

// The recipe of the stage that the command line names. Errors (usage): no such stage, with the nearest.
std::expected<recipe::Recipe, Errors> load_stage(const Options& options);

// What a verb can't do with a recipe; none: nothing.
using WrongRecipe = std::function<std::optional<Error>(const recipe::Recipe&)>;

struct AnsweredRecipe {
  recipe::Recipe recipe;
  std::map<std::string, Secret> secrets;  // answers to secret prompts
};
// Where the verb needs the answers to the recipe's prompts, they are asked for, once `wrong` has seen the recipe without them. The file is
// read once: it may be a pipe.
std::expected<AnsweredRecipe, Errors> load_answered(const Options& options, const std::stop_token& stop,
                                                    const WrongRecipe& wrong = {});

struct StageHosts {
  std::vector<inventory::Host> all, selected;  // in recipe order
};
// By the command line's filters. Errors: as inventory::expand and inventory::select.
std::expected<StageHosts, Errors> selected_hosts(const recipe::Recipe& recipe, const Options& options);

// That recipe with its hosts, filtered.
std::expected<deploy::Request, Errors> load_request(const Options& options, const std::stop_token& stop, const WrongRecipe& wrong = {});

}  // namespace kirikae::cmd
