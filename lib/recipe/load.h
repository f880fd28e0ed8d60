// From a file to a Recipe: read, parse, merge, interpolate, validate. All errors of the file come at once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"

namespace kirikae::recipe {

struct Surroundings {                              // everything that loading may ask of the machine
  std::map<std::string, std::string> environment;  // for ${env.NAME:-default}
  std::string home;                                // for ~ in local paths
  std::map<std::string, std::string> answers{};    // of prompts, by name
};

using Errors = std::vector<Error>;  // never empty where it is an error; in the order of the file

// `text` is the file's content, `path` its name for messages, `folder` where relative local paths start; `sets` are the
// `--set key=value` words in order (`vars.port=1`, `keep_releases=3`; a bare name that is no key is one of the recipe's vars).
// The whole file is checked, all stages of it; the result is the one named `stage`.
std::expected<Recipe, Errors> load_recipe(std::string_view text, const std::string& path, const std::string& folder,
                                          const std::string& stage, const std::vector<std::string>& sets,
                                          const Surroundings& surroundings);

// Names of the stages in the order of the file, for `deploy` without arguments. Errors: the file is no YAML, or has no stages.
std::expected<std::vector<std::string>, Errors> stage_names(std::string_view text, const std::string& path);

// What each stage calls the application, as far as that can be told: also of a recipe with errors, of which nothing is said.
std::map<std::string, std::string> application_names(std::string_view text, const std::string& path, const std::string& folder,
                                                     const std::vector<std::string>& sets, const Surroundings& surroundings);

// The recipe of one stage as YAML text again, for `deploy config STAGE`.
std::string to_yaml(const Recipe& recipe);

// The nearest deploy.yml in `folder` or above it; and the whole file, refused above 1 MiB. The only file input of this layer.
Result<std::string> find_recipe(const std::string& folder);
Result<std::string> read_recipe(const std::string& path);

// `deploy help recipe`, and the same as Markdown for docs/recipe.md: both from the table of keys (recipe/schema.h).
std::string help_text();
std::string reference_markdown();

// Every verb of the tool, present and planned: none may be the name of a stage.
const std::vector<std::string>& reserved_stage_names();

}  // namespace kirikae::recipe
