// The recipe's templates, read from this machine and checked before anything is connected.
#pragma once

#include <expected>
#include <vector>

#include "deploy/deploy.h"
#include "plan/templates.h"

namespace kirikae::deploy {

// Without request.secrets (a plan) the values of secrets are not looked at. Errors: all at once.
std::expected<std::vector<plan::TemplateFile>, std::vector<Error>> read_templates(const Request& request);

// All hosts of the stage, in the recipe's order.
std::vector<inventory::Host> stage_hosts(const Request& request);

}  // namespace kirikae::deploy
