// What templates are made of: the names that they may use, on one host, and what is wrong with them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mustache.h"
#include "core/secret_set.h"
#include "inventory/inventory.h"
#include "recipe/recipe.h"

namespace kirikae::plan {

// A template of the recipe, read. Its mode is filled in.
struct TemplateFile {
  recipe::Template spec;
  std::shared_ptr<const MustacheTemplate> text;
};

// `hosts` and `roles.NAME`: what templates know of the stage, whichever of its hosts are selected. There are the roles of all stages; where no host of
// this one has any, each has all, as with tasks.
std::shared_ptr<const MustacheValue> stage_names(const recipe::Recipe& recipe,
                                                 const std::vector<inventory::Host>& stage_hosts);

// All names on one host. `environment` as its commands have it; `secrets` may be null.
MustacheValue template_names(std::map<std::string, std::string> environment, const std::vector<std::string>& roles,
                             const MustacheValue& stage, const SecretSet* secrets);

// Whether it names a secret of the recipe, or of a secret prompt.
bool names_secret(const recipe::Recipe& recipe, const MustacheTemplate& text);

// Rendered and small enough for a host. Errors (recipe).
Result<std::string> render(const TemplateFile& file, const MustacheValue& names);

// Everything that can be told before a host is connected, by rendering for each of `hosts`. Without secrets (a plan) their
// values are not looked at, nor are those that wait for an answer (a check). Errors (recipe), with their place: names that stand for nothing, a mode that shows a secret to others.
std::vector<Error> check_templates(const recipe::Recipe& recipe, const std::vector<TemplateFile>& files,
                                   const std::vector<inventory::Host>& hosts, const std::vector<inventory::Host>& stage_hosts,
                                   const SecretSet* secrets);

}  // namespace kirikae::plan
