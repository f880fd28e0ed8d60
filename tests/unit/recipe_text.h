// Recipes as text, loaded the way tests want to look at them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recipe/load.h"
#include "support/catch.h"

namespace kirikae::recipe {

inline const Surroundings& test_surroundings() {
  static const Surroundings surroundings{{{"CHANNEL", "beta"}, {"EMPTY", ""}}, "/home/deploy"};
  return surroundings;
}

inline std::expected<Recipe, Errors> try_load(std::string_view text, const std::vector<std::string>& sets = {},
                                              const std::string& stage = "production") {
  return load_recipe(text, "deploy.yml", "/srv/project", stage, sets, test_surroundings());
}

inline std::string text_of(const Errors& errors) {
  std::string text;
  for (const Error& error : errors) text += to_text(error) + '\n';
  return text;
}

// A small recipe with more keys.
inline std::string recipe_with(const std::string& lines, const std::string& stages = "stages: {production: {hosts: [h]}}\n") {
  return "application: a\ndeploy_to: /srv/a\nsource: {directory: d}\n" + lines + stages;
}

// All errors as they are printed; "loads" where there are none.
inline std::string errors_of(std::string_view text, const std::vector<std::string>& sets = {},
                             const std::string& stage = "production") {
  const auto recipe = try_load(text, sets, stage);
  return recipe ? "loads" : text_of(recipe.error());
}

// Fails the test, with the errors, where the recipe doesn't load.
inline Recipe load(std::string_view text, const std::vector<std::string>& sets = {},
                   const std::string& stage = "production") {
  auto recipe = try_load(text, sets, stage);
  INFO((recipe ? std::string() : text_of(recipe.error())));
  REQUIRE(recipe);
  return *std::move(recipe);
}

}  // namespace kirikae::recipe
