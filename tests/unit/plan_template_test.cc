#include "plan/templates.h"

#include <algorithm>

#include "plan/plan.h"
#include "support/catch.h"
#include "unit/plan_world.h"

namespace kirikae::test {
namespace {

plan::TemplateFile template_file(const std::string& text, std::optional<unsigned> mode = {}) {
  auto parsed = MustacheTemplate::parse(text, "t/app.conf");
  REQUIRE(parsed);
  return {{"/x/t/app.conf", "config/app.conf", mode, false, {}}, std::make_shared<const MustacheTemplate>(*std::move(parsed))};
}

std::vector<inventory::Host> stage() {
  auto app = a_host("app1", {"app", "web"}).host, db = a_host("db1", {"db"}).host;
  app.vars = {{"weight", "10"}};
  db.primary = true;
  return {app, db};
}

// Errors on the first host of the stage, or on both.
std::string wrong(const std::string& text, std::size_t hosts = 1, std::optional<unsigned> mode = {}, const SecretSet* secrets = nullptr) {
  auto recipe = shop_recipe();
  recipe.secrets["KEY"].env = "KEY";
  auto selected = stage();
  selected.resize(hosts);
  std::string all;
  for (const Error& error : plan::check_templates(recipe, {template_file(text, mode)}, selected, stage(), secrets)) all += to_text(error) + '\n';
  return all;
}

}  // namespace

TEST_CASE("a template knows what commands know, and the hosts of the stage", "[plan]") {
  CHECK(wrong("{{port}} {{APPLICATION}} {{RELEASE}} {{REVISION}} {{HOST}} {{ROLES}} {{PATH}} {{weight}} {{KEY}}\n"
              "{{#hosts}}{{name}} {{shell.address}} {{user}} {{port}}{{#primary}}!{{/primary}}{{#roles}}{{.}}{{/roles}}{{/hosts}}\n"
              "{{#roles.db}}{{name}}{{/roles.db}}{{#has.app}}app{{/has.app}}{{^has.db}}no db{{/has.db}}\n") == "");
  CHECK(wrong("a\n {{prot}}\n") == "t/app.conf:2:2: nothing is named 'prot'\n   {{prot}}\n   ^~~~~~~~\n  did you mean 'port'?\n");
  CHECK(wrong("{{release}}").find("did you mean 'RELEASE'?") != std::string::npos);
  CHECK(wrong("{{name}}").find("nothing is named 'name'") != std::string::npos);
  CHECK(wrong("{{#roles.dbs}}x{{/roles.dbs}}").find("did you mean 'roles.db'?") != std::string::npos);
  CHECK(wrong("{{^nothing}}x{{/nothing}}").find("nothing is named 'nothing'") != std::string::npos);
}

TEST_CASE("a template may name the roles of other stages, and where no host has roles, each has all", "[plan]") {
  auto recipe = shop_recipe();
  recipe.roles = {"app", "cron", "db"};
  const auto text = template_file(
      "{{#has.cron}}cron{{/has.cron}}{{#has.db}}db{{/has.db}}:{{#roles.cron}}{{name}} "
      "{{/roles.cron}}{{#roles.db}}{{name}} {{/roles.db}}");
  const auto made = [&](const std::vector<inventory::Host>& hosts) {
    CHECK(plan::check_templates(recipe, {text}, hosts, hosts, nullptr).empty());
    return *plan::render(text,
                         plan::template_names({}, hosts.front().roles, *plan::stage_names(recipe, hosts), nullptr));
  };
  CHECK(made(stage()) == ":db1 ");
  auto bare = stage();
  for (auto& host : bare) {
    host.roles.clear();
    host.every_role = true;
  }
  CHECK(made(bare) == "crondb:app1 db1 app1 db1 ");
}

TEST_CASE("a var that one host lacks is told", "[plan]") {
  CHECK(wrong("{{weight}}", 2) == "t/app.conf:1:1: nothing is named 'weight' here\n  {{weight}}\n  ^~~~~~~~~~\n");
}

TEST_CASE("a template knows the names of what waits for the answer to a prompt, and is rendered without it", "[plan]") {
  auto recipe = shop_recipe();
  const auto wrong_with = [&] { return plan::check_templates(recipe, {template_file("{{version}} {{REL}}{{#tag}}{{tag}}{{/tag}}")}, stage(), stage(), nullptr).size(); };
  CHECK(wrong_with() > 1);
  recipe.waiting.vars = {"tag", "version"};
  CHECK(wrong_with() == 1);
  recipe.waiting.env = {"REL"};
  CHECK(wrong_with() == 0);
}

TEST_CASE("a template that names a secret is not for everybody", "[plan]") {
  CHECK(wrong("{{json.KEY}}", 1, 0640) == "");
  CHECK(wrong("{{json.KEY}}", 1, 0600) == "");
  CHECK(wrong("{{json.KEY}}", 1, 0644).find("names a secret, and its mode is 0644\n  0640 is the most") != std::string::npos);
  CHECK(wrong("{{#KEY}}x{{/KEY}}", 1, 0750).find("its mode is 0750") != std::string::npos);
  CHECK(wrong("{{port}}", 1, 0755) == "");
}

TEST_CASE("values are looked at before the run begins", "[plan]") {
  SecretSet secrets;
  secrets.add("KEY", Secret("-----BEGIN-----\nabc\n-----END-----"));
  const std::string told = wrong("key: {{KEY}}", 1, {}, &secrets);
  CHECK(told.find("t/app.conf:1:6: the value of 'KEY' has a line break") != std::string::npos);
  CHECK(told.find("abc") == std::string::npos);
  CHECK(wrong("key: {{json.KEY}} {{{KEY}}}", 1, {}, &secrets) == "");
  CHECK(wrong("{{RELEASE}}" + std::string(70000, 'x')).find("is longer than 64 KiB") != std::string::npos);
}

TEST_CASE("a plan has a step for each template, shown with its mode, and no secret in it", "[plan]") {
  auto recipe = shop_recipe();
  recipe.shared.files = {".env"};
  plan::TemplateFile first = template_file("{{port}} {{KEY}} on {{HOST}} {{REVISION}}", 0640U), second = template_file("{{port}}", 0644U);
  second.spec.to = ".env";
  second.spec.shared = true;
  const plan::DeployInput input{recipe, {a_host("app1", {"app"}), a_host("db1", {"db"})}, now, "r1", 1, 10, "ada@desk", {first, second}, stage()};
  const auto plan = plan::build_deploy(input);
  REQUIRE(plan);
  const auto link = std::find_if(plan->rounds.begin(), plan->rounds.end(), [](const auto& round) { return round.phase == event::Phase::link; });
  REQUIRE(link != plan->rounds.end());
  std::string steps;
  for (const auto& step : link->hosts.at(0).steps) steps += plan::name_of(step) + ';';
  CHECK(steps == "template .env;link;template config/app.conf;");
  const std::string text = plan::to_text(*plan, std::nullopt);
  CHECK(text.find("template       shared/.env (0644) from t/app.conf\n") != std::string::npos);
  CHECK(text.find("template       config/app.conf (0640) from t/app.conf\n") != std::string::npos);

  SecretSet secrets;
  secrets.add("KEY", Secret("it's secret"));
  const auto command = plan::command_for(link->hosts.at(0).steps.at(2), plan->layout, {}, {"sum", "r1", &secrets});
  CHECK(command.text.find("kk_content='8080 it'\\''s secret on app1 r1'\n") != std::string::npos);
  CHECK(command.text.find("kk_mode='0640'\n") != std::string::npos);
}

}  // namespace kirikae::test
