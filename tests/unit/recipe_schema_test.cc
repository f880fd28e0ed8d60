// Walks the table of keys: every key is checked, told, and printed.
#include <fmt/format.h>

#include <algorithm>

#include "recipe/schema.h"
#include "recipe/yaml_document.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

struct Walked {
  std::string path;  // `tasks.*.run`
  const Key* key;
};

void walk(std::span<const Key> keys, const std::string& at, std::vector<Walked>& all) {
  for (const Key& key : keys) {
    const std::string path = at.empty() ? std::string(key.name) : at + '.' + std::string(key.name);
    all.push_back({path, &key});
    walk(key.keys, path, all);
  }
}

std::vector<Walked> every_key() {
  std::vector<Walked> all;
  walk(recipe_keys(), "", all);
  return all;
}

// One line of flow YAML that has `value` at `path` and is otherwise a whole recipe.
std::string recipe_with(const std::string& path, const std::string& value, std::size_t& value_at) {
  std::string text = "{";
  const auto add = [&](const std::string& key, const std::string& rest) {
    if (path.substr(0, path.find('.')) != key) text += key + ": " + rest + ", ";
  };
  add("application", "shop");
  add("deploy_to", "/srv/shop");
  add("source", "{directory: d}");
  add("stages", "{production: {hosts: [h]}}");
  std::string closing = "}";
  for (std::size_t from = 0; from <= path.size();) {
    const auto dot = std::min(path.find('.', from), path.size());
    const auto part = path.substr(from, dot - from);
    const auto before = path.substr(0, from);
    const bool in_list = before.ends_with("hosts.") || before.ends_with("templates.");
    if (in_list) {
      text += '[';
      closing = ']' + closing;
    } else {
      text += (part == "*" ? "production" : part) + ": ";
    }
    if (dot < path.size() && part != "hosts" && part != "templates") {
      text += '{';
      closing = '}' + closing;
    }
    from = dot + 1;
  }
  value_at = text.size();
  return text + value + closing + '\n';
}

// Of another type than the key's.
std::string wrong_value(const Key& key) {
  switch (key.type) {
    case Type::text:
      return "[x]";
    case Type::number:
    case Type::flag:
    case Type::duration:
      return "wrong";
    case Type::texts:
      return "{x: y}";
    case Type::section:
      return "[[x]]";
    case Type::named:
      return "[x]";
    case Type::list:
      return "[[x]]";
  }
  return {};
}

bool has_problem_at(const Errors& errors, std::size_t offset, std::size_t& others) {
  bool found = false;
  for (const Error& error : errors) {
    if (error.span && error.span->line == 1 && error.span->column == static_cast<int>(offset) + 1)
      found = true;
    else
      ++others;
  }
  return found;
}

}  // namespace

TEST_CASE("a wrong type at any key is told at its value, and the message names what is expected", "[recipe]") {
  int checked = 0;
  for (const auto& [path, key] : every_key()) {
    if (path.ends_with(".*") && key->type == Type::text) continue;  // vars and env: checked with their maps
    std::size_t at = 0;
    const std::string text = recipe_with(path, wrong_value(*key), at);
    if (key->type == Type::list) ++at;  // the item is what is wrong
    INFO(path << "\n" << text);
    const auto loaded = try_load(text);
    REQUIRE(!loaded);
    INFO(text_of(loaded.error()));
    std::size_t others = 0;
    CHECK(has_problem_at(loaded.error(), at, others));
    const bool told = std::any_of(loaded.error().begin(), loaded.error().end(), [](const Error& error) {
      return error.message.find(" must be ") != std::string::npos && error.message.find(", not ") != std::string::npos;
    });
    CHECK(told);
    ++checked;
  }
  CHECK(checked > 45);
}

TEST_CASE("every key's default is valid for it", "[recipe]") {
  for (const auto& [path, key] : every_key()) {
    INFO(path);
    const bool scalar = key->type == Type::number || key->type == Type::flag || key->type == Type::duration;
    if (!scalar || key->fallback.empty() || path == "stages.*.hosts.*.port") continue;
    if (key->fallback.starts_with("ssh_config's ")) continue;  // said elsewhere
    CHECK((key->type != Type::number || to_number(key->fallback)));
    CHECK((key->type != Type::flag || to_flag(key->fallback)));
    CHECK((key->type != Type::duration || to_duration(key->fallback)));
    CHECK((key->type == Type::flag || key->least <= key->most));
  }
}

TEST_CASE("every key has a summary and an example that is YAML of that key", "[recipe]") {
  for (const auto& [path, key] : every_key()) {
    if (key->name == "*") continue;
    INFO(path);
    CHECK(key->summary.ends_with('.'));
    Problems problems;
    const Document document = parse_yaml(key->example, "example", problems);
    CHECK(problems.empty());
    REQUIRE(document.root.entries.size() == 1);
    CHECK(document.root.entries[0].key == key->name);
  }
}

TEST_CASE("every key's example loads", "[recipe]") {
  for (const auto& [path, key] : every_key()) {
    if (key->name == "*") continue;
    const std::string_view value = key->example.substr(key->example.find(": ") + 2);
    std::size_t at = 0;
    std::string text = recipe_with(path, std::string(value), at);
    if (path == "tasks.*.become_password") text.insert(at + value.size(), ", become: root");
    if (path.ends_with("password")) text.insert(text.rfind('}'), fmt::format(", secrets: {{{}: {{env: A}}}}", value));
    INFO(path << "\n" << text);
    const auto loaded = try_load(text);
    // Others may be missing then (a host's address, a task): only this value must be right.
    std::size_t others = 0;
    const bool found = !loaded && has_problem_at(loaded.error(), at, others);
    INFO((loaded ? std::string() : text_of(loaded.error())));
    CHECK(!found);
    CHECK((loaded || loaded.error().front().message.find("unknown key") == std::string::npos));
  }
}

TEST_CASE("the names of hooks are those of the table", "[recipe]") {
  const auto names = names_of(key_at("hooks").keys);
  REQUIRE(names.size() == static_cast<std::size_t>(hook_point_count));
  for (int i = 0; i < hook_point_count; ++i) {
    CHECK(names[static_cast<std::size_t>(i)] == name_of(static_cast<HookPoint>(i)));
  }
}

TEST_CASE("a stage takes every key of the recipe but stages", "[recipe]") {
  auto expected = names_of(recipe_keys());
  std::erase(expected, "stages");
  expected.insert(expected.begin(), "hosts");
  CHECK(names_of(stage_keys()) == expected);
}

TEST_CASE("the help names every key and fits into 80 columns", "[recipe]") {
  const std::string help = help_text();
  for (const auto& [path, key] : every_key()) {
    if (key->name != "*") CHECK(help.find("  " + std::string(key->name) + ' ') != std::string::npos);
  }
  for (std::size_t at = 0; at < help.size();) {
    const auto end = help.find('\n', at);
    INFO(help.substr(at, end - at));
    CHECK(end - at <= 80);
    at = end + 1;
  }
}

}  // namespace kirikae::recipe
