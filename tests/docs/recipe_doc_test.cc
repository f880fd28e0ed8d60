// docs/recipe.md and the recipes that stand in our documents.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "inventory/inventory.h"
#include "recipe/load.h"
#include "support/catch.h"

namespace kirikae {
namespace {

const std::filesystem::path root = KIRIKAE_SOURCE_DIR;

std::string document_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> documents() {
  std::vector<std::filesystem::path> all;
  if (std::filesystem::exists(root / "README.md")) all.push_back(root / "README.md");
  for (const auto& entry : std::filesystem::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  return all;
}

struct Block {
  std::string where;  // file:line
  std::string text;
};

// The ```yaml blocks of a document.
std::vector<Block> yaml_blocks(const std::filesystem::path& path) {
  std::vector<Block> blocks;
  std::ifstream file(path);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (inside && line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      blocks.back().text += line + '\n';
    } else if (line == "```yaml") {
      inside = true;
      blocks.push_back({path.filename().string() + ':' + std::to_string(number), {}});
    }
  }
  return blocks;
}

std::string text_of(const recipe::Errors& errors) {
  std::string text;
  for (const Error& error : errors) text += to_text(error) + '\n';
  return text;
}

}  // namespace

// With KIRIKAE_WRITE_DOCS set, writes the part of the document instead of comparing it.
TEST_CASE("docs/recipe.md lists every key as the table of keys has it", "[docs]") {
  constexpr std::string_view mark =
      "<!-- Made from lib/recipe/schema.cc: KIRIKAE_WRITE_DOCS=1 build/dev/tests/docs_tests writes the rest. -->\n";
  const auto path = root / "docs/recipe.md";
  const std::string document = document_text(path);
  const auto at = document.find(mark);
  REQUIRE(at != std::string::npos);
  const std::string written = document.substr(0, at + mark.size());
  if (std::getenv("KIRIKAE_WRITE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << written << '\n' << recipe::reference_markdown();
    return;
  }
  CHECK(document.substr(written.size()) == '\n' + recipe::reference_markdown());
}

TEST_CASE("every whole recipe in a document loads, each stage of it", "[docs]") {
  int loaded_stages = 0;
  for (const auto& document : documents()) {
    for (const auto& block : yaml_blocks(document)) {
      if (block.text.find("application:") != 0 && block.text.find("\napplication:") == std::string::npos) continue;
      const auto names = recipe::stage_names(block.text, block.where);
      INFO((names ? block.where : text_of(names.error())));
      REQUIRE(names);
      for (const auto& stage : *names) {
        const auto recipe =
            recipe::load_recipe(block.text, block.where, "/srv/project", stage, {}, {{}, "/home/deploy"});
        INFO((recipe ? block.where : text_of(recipe.error())));
        REQUIRE(recipe);
        CHECK(inventory::expand(*recipe));
        ++loaded_stages;
      }
    }
  }
  CHECK(loaded_stages > 0);
}

TEST_CASE("every piece of a recipe in a document is YAML", "[docs]") {
  for (const auto& document : documents()) {
    for (const auto& block : yaml_blocks(document)) {
      // What isn't a whole recipe has no stages; anything worse is told before that.
      const auto names = recipe::stage_names(block.text, block.where);
      INFO((names ? block.where : text_of(names.error())));
      CHECK((names || names.error().front().message == "the recipe has no stages"));
    }
  }
}

}  // namespace kirikae
