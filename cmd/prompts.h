// The answers to a recipe's prompts: from --set, from the person at the terminal, or the defaults.
#pragma once

#include <expected>
#include <map>
#include <stop_token>
#include <string>

#include "core/secret.h"
#include "options.h"
#include "recipe/recipe.h"
#include "verb.h"

namespace kirikae::cmd {

struct Answers {
  std::map<std::string, std::string> texts;  // those that --set hasn't given
  std::map<std::string, Secret> secrets;
};
// What the verb needs, in the recipe's order. Errors: usage (nobody can be asked, and there is no default), cancelled; of a default's
// command.
std::expected<Answers, Errors> answers_to(const recipe::Recipe& recipe, const Options& options, const std::stop_token& stop);

}  // namespace kirikae::cmd
