#include "fuzz/driver.h"
#include "recipe/load.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  return {
      "application: shop\ndeploy_to: /srv/${application}\nkeep_releases: 3\nvars: {port: \"80\", a: ${env.A:-x}}\n"
      "source: {directory: dist, exclude: [\"*.map\"]}\nshared: {directories: [log], files: [.env]}\n"
      "tasks:\n  one: {run: 'echo \"$RELEASE\"', roles: [app], once: true, timeout: 10m, dir: db}\n"
      "hooks: {build: [one], after_publish: [one]}\nssh: {port: 22, connect_timeout: 5s}\n"
      "stages:\n  staging: {hosts: [a.example.com], keep_releases: 1}\n"
      "  production:\n    hosts:\n      - {address: 'web[01-03].example.com', roles: [app], primary: false}\n"
      "      - {address: 'me@[2001:db8::1]:22', vars: {port: \"81\"}}\n",
      "application: shop\ndeploy_to: /srv/shop\nsource: {archive: shop.tar.gz, sha256: "
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}\nstages: {production: {hosts: [a]}}\n",
      "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n",
      "vars: {a: ${b}, b: ${a}}\n? [x]\n: |\n  text\n",
      "--- %\n!!binary aGVsbG8=\n...\n",
  };
}

void try_input(std::string_view input) {
  const recipe::Surroundings surroundings{{{"A", "1"}}, "/home/deploy"};
  const auto names = recipe::stage_names(input, "deploy.yml");
  const auto loaded = recipe::load_recipe(input, "deploy.yml", "/srv/project", "production", {"port=8080"}, surroundings);
  if (loaded) {
    must(names.has_value(), "a recipe that loads has stages");
    must(loaded->deploy_to.starts_with('/') && !loaded->hosts.empty(), "a recipe that loads can be deployed");
    const auto again = recipe::to_yaml(*loaded);
    must(!again.empty(), "a recipe can be printed");
    return;
  }
  must(!loaded.error().empty(), "a recipe that doesn't load has an error");
  for (const auto& error : loaded.error()) {
    must(!error.message.empty() && !to_text(error).empty(), "an error says something");
    must(!error.span || error.span->line >= 0, "an error has a place in the file, or none");
  }
}

}  // namespace kirikae::fuzz
