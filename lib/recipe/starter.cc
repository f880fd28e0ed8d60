#include "recipe/starter.h"

#include <fmt/format.h>

namespace kirikae::recipe {

std::string starter_recipe(std::string_view application) {
  std::string text = R"(# How this application is deployed. All keys: `deploy help recipe`.
# First try `deploy plan staging`: it looks at the hosts and changes nothing.

application: )";
  const bool is_nothing = application == "null" || application == "Null" || application == "NULL";  // to YAML
  text += is_nothing ? fmt::format("\"{}\"", application) : std::string(application);
  text += R"(
deploy_to: /srv/${application}          # on the hosts; `current` in it is the live release
keep_releases: 5
# user: deploy                          # who to log in as; without it, you

source:
  directory: .                          # what is sent, relative to this file
  exclude: [".git/", "deploy.yml"]      # patterns as in .gitignore

# What outlives releases, in <deploy_to>/shared:
# shared:
#   directories: [log, tmp]
#   files: [.env]                       # put it there before the first deploy

# Commands. They find RELEASE, RELEASE_PATH, CURRENT_PATH, STAGE, HOST … in their environment.
# tasks:
#   install: bin/install
#   migrate: {run: bin/migrate, roles: [db], once: true, timeout: 10m}
#   restart: {run: "sudo systemctl reload shop", roles: [app]}
#
# hooks:
#   build: [install, migrate]           # in the new release, before any host is switched
#   after_publish: [restart]            # once `current` is the new release

stages:
  staging:
    hosts:
      - staging.example.com
  production:
    # confirm: true                     # ask before production is changed
    hosts:
      - app1.example.com
      - app2.example.com
      # - {address: "app[03-12].example.com", roles: [app]}
      # - {address: "db1.example.com:2222", roles: [db], primary: true}
)";
  return text;
}

}  // namespace kirikae::recipe
