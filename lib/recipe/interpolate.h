// ${name} in the values of one stage.
#pragma once

#include <map>
#include <set>
#include <string>

#include "recipe/document.h"

namespace kirikae::recipe {

struct InterpolationScene {
  const Document& document;
  const std::map<std::string, std::string>& environment;  // for ${env.NAME} and ${env.NAME:-default}
  std::string stage;
  const std::set<std::string>& host_vars;  // names of the vars of single hosts, in any stage
  // False for stages that are only checked: a variable that is not set here may well be set where they are deployed from.
  bool environment_is_final = true;
};

// Replaces ${…} in every value of the stage's tree but those of keys that forbid it (`run`). Known names: vars, application, stage,
// deploy_to, user, keep_releases, shared_path, current_path, releases_path and env.NAME; `$${` stands for `${`.
// Values that have no answer become `unknown`. Problems: unknown names, names known on hosts only, cycles, unset variables,
// values that grow beyond 64 KiB.
void interpolate(Node& stage_tree, const InterpolationScene& scene, Problems& problems);

}  // namespace kirikae::recipe
