// docs/events.md against docs/events.schema.json; tests/unit/ui_json.cc compares that with the code.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "support/catch.h"

namespace kirikae {
namespace {

using Object = nlohmann::ordered_json;

const std::string folder = KIRIKAE_SOURCE_DIR "/docs/";

std::string doc_text(const std::string& name) {
  std::ifstream file(folder + name, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string target(const Object& value) { return value["$ref"].get<std::string>().substr(std::string("#/$defs/").size()); }

std::string type_text(const Object& field) {
  if (field.contains("$ref")) return target(field);
  if (!field.contains("type")) return field["enum"][0].is_string() ? "string" : "integer";
  if (field["type"] != "array") return field["type"];
  const Object& items = field["items"];
  return "array of " + (items.contains("$ref") ? target(items) : items["type"].get<std::string>() + 's');
}

std::string section(const std::string& name, const Object& definition) {
  std::string text = "\n### " + name + "\n\n" + definition["description"].get<std::string>() + "\n\n";
  text += "| field | type | meaning |\n|---|---|---|\n";
  for (const auto& [field, what] : definition["properties"].items()) {
    if (what.contains("const")) continue;
    const bool always = std::ranges::find(definition["required"], Object(field)) != definition["required"].end();
    text += "| `" + field + "` | " + type_text(what) + (always ? "" : ", optional") + " | " +
            what["description"].get<std::string>() + " |\n";
  }
  return text;
}

std::string reference(const Object& schema) {
  const Object& definitions = schema["$defs"];
  std::string text = "\n## Every line\n" + section("common", definitions["common"]).substr(std::string("\n### common\n").size() - 1);
  text += "\n## Events\n";
  for (const Object& event : schema["oneOf"]) text += section(target(event), definitions[target(event)]);
  text += "\n## Objects in events\n";
  for (const char* name : {"host", "host_end", "error"}) text += section(name, definitions[name]);
  text += "\n## Objects in results\n";
  bool of_results = false;  // those behind `error`
  for (const auto& [name, definition] : definitions.items()) {
    if (of_results) text += section(name, definition);
    of_results = of_results || name == "error";
  }
  return text;
}

}  // namespace

// With KIRIKAE_WRITE_DOCS set, writes the part of the document instead of comparing it.
TEST_CASE("docs/events.md lists every event and field as the schema has it", "[docs]") {
  constexpr std::string_view mark =
      "<!-- Made from docs/events.schema.json: KIRIKAE_WRITE_DOCS=1 build/dev/tests/docs_tests writes the rest. -->\n";
  const std::string document = doc_text("events.md");
  const auto at = document.find(mark);
  REQUIRE(at != std::string::npos);
  const std::string written = document.substr(0, at + mark.size());
  const std::string made = reference(Object::parse(doc_text("events.schema.json")));
  if (std::getenv("KIRIKAE_WRITE_DOCS") != nullptr) {
    std::ofstream(folder + "events.md", std::ios::binary) << written << made;
    return;
  }
  CHECK(document.substr(written.size()) == made);
}

TEST_CASE("the schema's list of event names is that of its events", "[docs]") {
  const Object schema = Object::parse(doc_text("events.schema.json"));
  Object names = Object::array();
  for (const Object& event : schema["oneOf"]) {
    names.push_back(target(event));
    CHECK(schema["$defs"][target(event)]["properties"]["event"]["const"] == target(event));
  }
  CHECK(schema["$defs"]["common"]["properties"]["event"]["enum"] == names);
}

}  // namespace kirikae
