// Templates of a recipe, and every error about them as a person sees it.
#include "unit/recipe_text.h"

namespace kirikae::recipe {
TEST_CASE("templates say from where, to where, and with which mode", "[recipe]") {
  const Recipe recipe = load(recipe_with(R"(templates:
  - {from: t/app.conf, to: ./config//app.conf}
  - {from: ~/x, to: .env, mode: 0600, shared: true}
shared: {files: [.env, other]}
)"));
  REQUIRE(recipe.templates.size() == 2);
  CHECK(recipe.templates[0].from == "/srv/project/t/app.conf");
  CHECK(recipe.templates[0].to == "config/app.conf");
  CHECK_FALSE(recipe.templates[0].mode);
  CHECK(recipe.templates[1].from == "/home/deploy/x");
  CHECK(recipe.templates[1].mode == 0600U);
  CHECK(recipe.templates[1].shared);
  CHECK(files_to_bring(recipe) == std::vector<std::string>{"other"});
  const std::string printed = to_yaml(recipe);
  CHECK(to_yaml(load(printed)) == printed);
  CHECK(load(recipe_with("templates: {from: a, to: b}\n")).templates.size() == 1);
}

TEST_CASE("what is wrong with a template's entry is told", "[recipe]") {
  CHECK(errors_of(recipe_with("templates: [{from: a}]\n")) ==
        R"(deploy.yml:4:13: an item of the list has no 'to'
  templates: [{from: a}]
              ^
  such as `to: config/app.conf`
)");
  CHECK(errors_of(recipe_with("templates: [{from: a, to: ../b}]\n")).find("'../b' climbs out with '..'") != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: REVISION}]\n")).find("'REVISION' is a name of the tool's own") != std::string::npos);
  const auto wrong = errors_of(recipe_with("templates: [{from: a, to: '', shared: true}]\nshared: {directories: [log]}\n"));
  CHECK(wrong.find("deploy.yml:4:") == wrong.rfind("deploy.yml:4:"));  // one error
  for (const std::string mode : {"rw-r--r--", "4755", "64", "0888", "00644"}) {
    INFO(mode);
    CHECK(errors_of(recipe_with("templates: [{from: a, to: b, mode: '" + mode + "'}]\n")).find("is no file mode") != std::string::npos);
  }
}

TEST_CASE("two things don't go to the same place", "[recipe]") {
  CHECK(errors_of(recipe_with("templates: [{from: a, to: x}, {from: b, to: x/}]\n")).find("'x' is listed twice: it is a template's result already") !=
        std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: log/x}]\nshared: {directories: [log]}\n"))
            .find("'log/x' lies inside of the shared directory 'log'") != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: .env}]\nshared: {files: [.env]}\n")).find("listed twice") != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: x, shared: true}, {from: b, to: ./x, shared: true}]\n"))
            .find("'./x' is made by two templates") != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: log/x, shared: true}, {from: b, to: log}]\n")) == "loads");
  const std::string folder = "is a folder of shared/, and can't be a template's result";
  CHECK(errors_of(recipe_with("templates: [{from: a, to: log/, shared: true}]\nshared: {directories: [./log]}\n"))
            .find(folder) != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: a/b, shared: true}]\nshared: {directories: [a/b/c]}\n"))
            .find(folder) != std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: a, shared: true}]\nshared: {files: [a/b]}\n")).find(folder) !=
        std::string::npos);
  CHECK(errors_of(recipe_with("templates: [{from: a, to: a, shared: true}, {from: a, to: a/b, shared: true}]\n"))
            .find(folder) != std::string::npos);
  CHECK(errors_of(recipe_with(
            "templates: [{from: a, to: log/x, shared: true}]\nshared: {directories: [log], files: [log-x]}\n")) ==
        "loads");
}

}  // namespace kirikae::recipe
