// Prompts: how an answer becomes a value, and every error as a person sees it.
#include <set>

#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

std::string versioned_with(const std::string& lines, const std::string& stages = "stages: {production: {hosts: [h]}}\n") {
  return "application: a\ndeploy_to: /srv/a\nsource: {archive: 'a-${version}.tar'}\n" + lines + stages;
}

std::expected<Recipe, Errors> answered(const std::string& text, const std::map<std::string, std::string>& answers,
                                       const std::vector<std::string>& sets = {}) {
  Surroundings surroundings = test_surroundings();
  surroundings.answers = answers;
  return load_recipe(text, "deploy.yml", "/srv/project", "production", sets, surroundings);
}

using NameSet = std::set<std::string>;

const std::string plain = "prompts: {version: {question: 'Version of ${application}'}}\n";

}  // namespace

TEST_CASE("an answer is a var, and other values see it", "[recipe]") {
  const auto recipe = answered(versioned_with(plain), {{"version", "v1 ${x}"}});
  REQUIRE(recipe);
  CHECK(recipe->vars.at("version") == "v1 ${x}");
  CHECK(recipe->source.archive->path == "/srv/project/a-v1 ${x}.tar");
  CHECK(recipe->prompts.at(0).question == "Version of a");
  CHECK(recipe->prompts.at(0).answered);
  const Recipe set = load(versioned_with(plain), {"version=v2"});
  CHECK(set.vars.at("version") == "v2");
  CHECK(set.prompts.at(0).answered);
}

TEST_CASE("an answer wins over vars, a host's too; --set wins over an answer", "[recipe]") {
  const std::string text = versioned_with(plain + "vars: {version: old}\n",
                                          "stages: {production: {hosts: [{address: h, vars: {version: host}}]}}\n");
  const auto recipe = answered(text, {{"version", "new"}});
  REQUIRE(recipe);
  CHECK(recipe->vars.at("version") == "new");
  CHECK(recipe->hosts.at(0).vars.empty());
  CHECK(answered(text, {{"version", "new"}}, {"version=set"})->vars.at("version") == "set");
}

TEST_CASE("a default stands until there is an answer; without one, values wait", "[recipe]") {
  const std::string text = versioned_with("prompts:\n  version: {question: Version, default: 'main-${stage}'}\n  b: {question: B, default: {command: git describe}}\n");
  const Recipe recipe = load(text);
  CHECK(recipe.vars.at("version") == "main-production");
  CHECK(recipe.prompts.at(0).fallback == "main-production");
  CHECK_FALSE(recipe.prompts.at(0).answered);
  CHECK(recipe.prompts.at(1).fallback_command == "git describe");
  CHECK_FALSE(recipe.vars.contains("b"));
  CHECK(recipe.waiting.keys == NameSet{"vars"});
  CHECK(recipe.waiting.vars == NameSet{"b"});
  CHECK(load(versioned_with(plain)).waiting.keys == NameSet{"source", "vars"});
  CHECK(load(versioned_with(plain, "stages: {production: {hosts: ['h${version}']}}\n")).waiting.keys == NameSet{"hosts", "source", "vars"});
  const Recipe waits = load(versioned_with(plain + "vars: {tag: 'v-${version}', port: 80}\nenv: {REL: '${tag}', A: b}\nlogs: [a.log, '${tag}.log']\n"));
  CHECK(waits.waiting.keys == NameSet{"env", "logs", "source", "vars"});
  CHECK(waits.waiting.vars == NameSet{"tag", "version"});
  CHECK(waits.waiting.env == NameSet{"REL"});
  CHECK(answered(versioned_with(plain), {{"version", "1"}})->waiting.keys.empty());
  const std::string printed = to_yaml(recipe);
  CHECK(printed.find("prompts:\n  version:\n    question: Version\n    default: main-production\n  b:\n    question: B\n"
                     "    default:\n      command: \"git describe\"\n") != std::string::npos);
  CHECK(to_yaml(load(printed)) == printed);
}

TEST_CASE("a secret answer is no var, and no value is made of it", "[recipe]") {
  const std::string prompts = "prompts: {pin: {question: Pin, secret: true}, version: {question: V, default: x}}\n";
  const Recipe recipe = load(versioned_with(prompts), {"pin=123456"});
  CHECK_FALSE(recipe.vars.contains("pin"));
  CHECK(recipe.prompts.at(0).secret);
  CHECK(recipe.prompts.at(0).answered);
  CHECK(to_yaml(recipe).find("123456") == std::string::npos);
  CHECK(errors_of(versioned_with(prompts + "user: '${pin}'\n")) ==
        "deploy.yml:5:8: 'pin' is a secret, and values are shown\n  user: '${pin}'\n         ^~~~~~\n  commands have it as $pin\n");
}

TEST_CASE("what is wrong with a prompt is told", "[recipe]") {
  CHECK(errors_of(versioned_with("prompts: {version: {default: x}}\n")) ==
        "deploy.yml:4:11: 'version' has no 'question'\n  prompts: {version: {default: x}}\n            ^~~~~~~\n"
        "  such as `question: Release version`\n");
  CHECK(errors_of(versioned_with("prompts: {version: {question: V, default: {text: a, command: b}}}\n")).find("has both 'text' and 'command'") !=
        std::string::npos);
  CHECK_THAT(errors_of(versioned_with("prompts: {version: {question: V, default: a}}\n",
                                      "stages: {production: {hosts: [h], prompts: {version: {default: {command: b}}}}}\n")),
             Catch::Matchers::ContainsSubstring("\n  keep one; a stage takes the other away by `text: null`\n"));
  CHECK(errors_of(versioned_with("prompts: {version: Version}\n")).find("'version' must be a map, not 'Version'") != std::string::npos);
  CHECK(errors_of(versioned_with("prompts: {version: {question: V, default: x}, T: {question: Q}}\nsecrets: {T: {env: X}}\n")).find("'T' is a prompt, and under 'secrets' too") !=
        std::string::npos);
  CHECK(errors_of(versioned_with("prompts: {version: {question: V, default: x}}\nenv: {version: y}\n")) ==
        "deploy.yml:4:11: 'version' is a prompt, and under 'env' too\n  prompts: {version: {question: V, default: x}}\n"
        "            ^~~~~~~\n  rename one of the two\n");
  CHECK(errors_of(versioned_with(plain), {"env.version=y"}) == "--set env.version: 'version' is a prompt, and under 'env' too\n  rename one of the two\n");
  CHECK_THAT(errors_of(versioned_with("prompts: {version: {question: V, default: x}, T: {question: Q, secret: true}}\nenv: {T: y}\n")),
             Catch::Matchers::ContainsSubstring("'T' is a secret, and under 'env' too") && !Catch::Matchers::ContainsSubstring("is a prompt"));
  const std::string shown = errors_of(versioned_with("prompts: {version: {question: V, default: x}, T: {question: Q, secret: true, default: hunter22}}\n"));
  CHECK(shown.find("the default of the secret 'T' stands in the recipe") != std::string::npos);
  CHECK(shown.find("hunter22") == std::string::npos);
  CHECK(errors_of(versioned_with("prompts: {version: {question: V, default: x}, T: {question: Q, secret: true}}\nvars: {T: x}\n")).find("'T' is a secret, and under 'vars' too") !=
        std::string::npos);
}

}  // namespace kirikae::recipe
