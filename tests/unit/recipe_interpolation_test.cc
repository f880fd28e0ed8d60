#include "release/layout.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

// The vars that `lines` make, each a line of `vars`.
std::map<std::string, std::string> vars_of(const std::string& lines) {
  return load("application: shop\ndeploy_to: /srv//shop/.\nuser: me\nsource: {directory: d}\nvars:\n" + lines +
              "stages: {production: {hosts: [h]}}\n")
      .vars;
}

}  // namespace

TEST_CASE("names of the recipe stand for their values", "[recipe]") {
  const auto vars = vars_of(
      "  a: ${application}-${stage}-${user}-${keep_releases}\n"
      "  b: <${a}>\n"
      "  c: ${deploy_to}\n");
  CHECK(vars.at("a") == "shop-production-me-5");
  CHECK(vars.at("b") == "<shop-production-me-5>");
  CHECK(vars.at("c") == "/srv//shop/.");
}

TEST_CASE("paths on the hosts are those of the release layout", "[recipe]") {
  const auto vars = vars_of("  s: ${shared_path}\n  c: ${current_path}\n  r: ${releases_path}\n");
  const release::Layout layout("/srv/shop");
  CHECK(vars.at("s") == layout.shared());
  CHECK(vars.at("c") == layout.current());
  CHECK(vars.at("r") == layout.releases());
}

TEST_CASE("the environment stands in, a default where it is unset or empty", "[recipe]") {
  const auto vars = vars_of(
      "  a: ${env.CHANNEL}\n  b: ${env.CHANNEL:-x}\n  c: ${env.EMPTY:-x}\n  d: ${env.EMPTY}\n"
      "  e: ${env.UNSET:-a b-:c}\n  f: \"${env.UNSET:-}\"\n");
  CHECK(vars.at("a") == "beta");
  CHECK(vars.at("b") == "beta");
  CHECK(vars.at("c") == "x");
  CHECK(vars.at("d").empty());
  CHECK(vars.at("e") == "a b-:c");
  CHECK(vars.at("f").empty());
}

TEST_CASE("a doubled dollar before a brace is a plain one, other dollars are left alone", "[recipe]") {
  const auto vars = vars_of("  a: $${application}\n  b: $$ $x pa$$word 5$\n  c: $$${application}\n");
  CHECK(vars.at("a") == "${application}");
  CHECK(vars.at("b") == "$$ $x pa$$word 5$");
  CHECK(vars.at("c") == "$${application}");
}

TEST_CASE("what was inserted is not read again", "[recipe]") {
  const auto recipe = load_recipe(
      "application: shop\ndeploy_to: /a\nsource: {directory: d}\nvars: {a: \"${env.X}\", b: \"${a}\"}\nstages: "
      "{production: {hosts: h}}\n",
      "deploy.yml", "/", "production", {}, {{{"X", "${application}"}}, "/"});
  REQUIRE(recipe);
  CHECK(recipe->vars.at("b") == "${application}");
}

TEST_CASE("nothing is interpolated inside of a command", "[recipe]") {
  const Recipe recipe = load(
      "application: shop\ndeploy_to: /a\nsource: {directory: d}\n"
      "tasks: {short: 'echo ${application} ${nothing} $${x}', long: {run: '${RELEASE:-none}', dir: '${application}'}}\n"
      "stages: {production: {hosts: h}}\n");
  CHECK(recipe.tasks.at("short").run == "echo ${application} ${nothing} $${x}");
  CHECK(recipe.tasks.at("long").run == "${RELEASE:-none}");
  CHECK(recipe.tasks.at("long").dir == "shop");
}

TEST_CASE("numbers, flags, lists and hosts are interpolated before they are read", "[recipe]") {
  const Recipe recipe = load(R"(
application: shop
deploy_to: /srv/shop
keep_releases: ${keep}
confirm: ${env.UNSET:-true}
vars: {keep: 3, domain: "${stage}.example.com", patience: 2m}
source: {directory: d}
shared: {files: ["${application}.env"]}
ssh: {connect_timeout: "${patience}"}
stages:
  production: {hosts: ["app[1-2].${domain}", {address: "${application}@db.${domain}", vars: {id: "${stage}-db"}}]}
)");
  CHECK(recipe.keep_releases == 3);
  CHECK(recipe.confirm);
  CHECK(recipe.shared.files == std::vector<std::string>{"shop.env"});
  CHECK(recipe.ssh.connect_timeout == std::chrono::seconds(120));
  CHECK(recipe.hosts[0].address == "app[1-2].production.example.com");
  CHECK(recipe.hosts[1].address == "shop@db.production.example.com");
  CHECK(recipe.hosts[1].vars.at("id") == "production-db");
}

TEST_CASE("a variable that only another stage needs may be unset", "[recipe]") {
  constexpr std::string_view text =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\nstages:\n"
      "  staging: {hosts: a}\n  production: {hosts: \"${env.HOSTS}\", keep_releases: \"${env.N}\", vars: {x: "
      "\"${env.X}\"}}\n";
  CHECK(load(text, {}, "staging").hosts.size() == 1);
  CHECK(errors_of(text).find("the environment variable 'HOSTS' is not set") != std::string::npos);
}

TEST_CASE("values that double themselves end in an error, not in memory", "[recipe]") {
  std::string text =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\nstages: {production: {hosts: h}}\nvars:\n  v0: "
      "xxxxxxxxxx\n";
  for (int i = 1; i < 64; ++i) {
    const auto before = "${v" + std::to_string(i - 1) + '}';
    text += "  v" + std::to_string(i) + ": " + before + before + '\n';
  }
  CHECK(errors_of(text) ==
        "deploy.yml:19:8: the value grows beyond 64 KiB\n"
        "    v13: ${v12}${v12}\n         ^~~~~~~~~~~~\n  use fewer ${…}\n");
}

TEST_CASE("a long chain of names ends in an error", "[recipe]") {
  std::string text = "application: a\ndeploy_to: /a\nsource: {directory: d}\nstages: {production: {hosts: h}}\nvars:\n";
  for (int i = 0; i < 20'000; ++i) text += "  v" + std::to_string(i) + ": ${v" + std::to_string(i + 1) + "}\n";
  CHECK(errors_of(text).find("more than 100 names refer to one another") != std::string::npos);
}

}  // namespace kirikae::recipe
