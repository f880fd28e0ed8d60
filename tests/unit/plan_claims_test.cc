#include "plan/claims.h"

#include "support/catch.h"

using namespace kirikae;

namespace {

using Kind = plan::Claims::Kind;

recipe::Recipe linking() {
  recipe::Recipe recipe;
  recipe.shared.directories = {"log", "public/uploads"};
  recipe.shared.files = {".env", "config/app.yml"};
  recipe.copied = {"lib/vendor"};
  recipe.templates = {{"/x/t", "conf/made", {}, false, {}}, {"/x/t", "secret", {}, true, {}}};
  return recipe;
}

std::string hindered(const recipe::Recipe& recipe, const std::vector<std::pair<std::string, Kind>>& source) {
  plan::Claims claims(recipe);
  for (const auto& [path, kind] : source) claims.see(path, kind);
  std::string text;
  for (const Error& error : claims.hindered()) text += to_text(error) + '\n';
  return text;
}

}  // namespace

TEST_CASE("what the source brings for shared paths, copied ones and templates is no hindrance where it is of their kind", "[plan]") {
  CHECK(hindered(linking(), {}).empty());
  CHECK(hindered(linking(), {{"log", Kind::directory}, {"public/uploads/a", Kind::file}, {".env", Kind::file}, {"config", Kind::directory},
                             {"config/app.yml", Kind::link}, {"lib/vendor", Kind::file}, {"conf/made", Kind::link}, {"secret", Kind::directory},
                             {"logs", Kind::file}, {"log.d", Kind::link}})
            .empty());
}

TEST_CASE("a source's file that stands where the recipe wants something else is told with both", "[plan]") {
  const auto one = [](const std::string& path, Kind kind) { return hindered(linking(), {{path, kind}}); };
  CHECK(one("log", Kind::file) == "'log' is a shared directory, and the source has a file 'log'\n  remove one of the two\n");
  CHECK(one(".env", Kind::directory) == "'.env' is a shared file, and the source has a folder '.env'\n  remove one of the two\n");
  CHECK_THAT(one("conf/made/x", Kind::file),
             Catch::Matchers::ContainsSubstring("'conf/made' is a template's result, and the source has a folder 'conf/made'\n  remove one of the two\n"));
  CHECK(one("public", Kind::link) ==
        "'public/uploads' is a shared directory, and the source has a link 'public'\n  make a folder of that in the source\n");
  CHECK(one("config", Kind::file) == "'config/app.yml' is a shared file, and the source has a file 'config'\n  make a folder of that in the source\n");
  CHECK(one("lib", Kind::link) == "'lib/vendor' is a copied path, and the source has a link 'lib'\n  make a folder of that in the source\n");
  CHECK(hindered(linking(), {{".env/a", Kind::file}, {"log", Kind::file}}).find("'log' is") == 0);  // in the recipe's order
}

TEST_CASE("tasks that run before the links are made may mend what the source has brought", "[plan]") {
  auto recipe = linking();
  const auto point = GENERATE(recipe::HookPoint::after_upload, recipe::HookPoint::before_link);
  recipe.hooks[point] = {"mend"};
  CHECK(hindered(recipe, {{"log", Kind::file}}).empty());
  CHECK_FALSE(plan::Claims(recipe).any());
  CHECK(plan::Claims(linking()).any());
}
