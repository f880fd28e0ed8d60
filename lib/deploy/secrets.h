// The values of a recipe's secrets, fetched on this machine before anything is connected.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/secret_set.h"
#include "recipe/recipe.h"

namespace kirikae::deploy {

using LookUp = std::function<std::optional<std::string>(const std::string& variable)>;  // of the environment

// What a shell command of this machine prints, without its last line break; at most `most` bytes. Errors: local (it failed or prints more, with its
// last words on standard error), timeout (two minutes), cancelled.
Result<Secret> output_of(const std::string& command, const std::string& folder, std::size_t most, std::stop_token stop);

// One after the other, by name; `answers` are those to secret prompts. Errors, all at once, each with its place in the recipe: usage (an unset variable, no such file, too
// short, too long, with a NUL byte); local, timeout, cancelled (a command).
std::expected<std::shared_ptr<const SecretSet>, std::vector<Error>> fetch_secrets(const recipe::Recipe& recipe,
                                                                                const LookUp& environment,
                                                                                std::map<std::string, Secret> answers,
                                                                                std::stop_token stop);

}  // namespace kirikae::deploy
