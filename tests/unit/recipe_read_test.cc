#include <filesystem>

#include "support/temp_dir.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("the nearest deploy.yml is found in a folder or above it", "[recipe]") {
  const test::TempDir folder;
  folder.write("deploy.yml", "outer");
  folder.write("app/deploy.yml", "inner");
  std::filesystem::create_directories(folder / "app/src/deep");
  std::filesystem::create_directories(folder / "other");
  CHECK(*find_recipe(folder / "app/src/deep") == folder / "app/deploy.yml");
  CHECK(*find_recipe(folder / "app") == folder / "app/deploy.yml");
  CHECK(*find_recipe(folder / "other") == folder / "deploy.yml");
}

TEST_CASE("where there is no deploy.yml the error says how to get one", "[recipe]") {
  const auto found = find_recipe("/nonexistent/folder");
  REQUIRE(!found);
  CHECK(to_text(found.error()) ==
        "no deploy.yml in '/nonexistent/folder' or above it\n"
        "  `deploy init` writes one to start from; --recipe FILE names another");
}

TEST_CASE("a recipe is read whole, up to 1 MiB", "[recipe]") {
  const test::TempDir folder;
  const std::string most(std::size_t{1} << 20U, 'x');
  CHECK(*read_recipe(folder.write("most.yml", most)) == most);
  CHECK(*read_recipe(folder.write("zero.yml", std::string("a\0b\r\n", 5))) == std::string("a\0b\r\n", 5));
  const auto path = folder.write("more.yml", most + 'x');
  CHECK(to_text(read_recipe(path).error()) == "can't read the recipe '" + path + "': it is larger than 1 MiB");
}

TEST_CASE("a recipe that can't be read is told with the reason", "[recipe]") {
  const test::TempDir folder;
  const auto missing = folder / "missing.yml";
  CHECK(to_text(read_recipe(missing).error()) == "can't read the recipe '" + missing + "': No such file or directory");
  const auto itself = folder.path().string();
  CHECK(to_text(read_recipe(itself).error()) == "can't read the recipe '" + itself + "': it is a directory");
}

}  // namespace kirikae::recipe
