// YAML that is broken, odd or made to hurt.
#include "recipe/yaml_document.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

constexpr std::string_view tail = "deploy_to: /a\nsource: {directory: d}\nstages: {production: {hosts: [h]}}\n";

std::string whole(std::string_view head) { return std::string(head) + std::string(tail); }

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("a byte order mark and Windows line ends change nothing", "[recipe]") {
  std::string text = whole("application: shop\nvars: {a: b}\n");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.replace(at, 1, "\r\n");
  CHECK(load("\xef\xbb\xbf" + text).vars.at("a") == "b");
  CHECK(errors_of("\xef\xbb\xbf"
                  "application: a b\r\n" +
                  text.substr(text.find('\n') + 1)) ==
        "deploy.yml:1:14: 'a b' is no application's name: letters, digits, - and _\n"
        "  application: a b\n               ^~~\n");
}

TEST_CASE("bytes that no recipe has are told with their place", "[recipe]") {
  CHECK(errors_of(std::string("a: b\nc: x\0y\n", 12)) ==
        "deploy.yml:2:5: control character 0x00 in the recipe\n  c: x" + std::string(1, '\0') +
            "y\n      ^\n  remove it, or write it as \"\\x..\" in double quotes\n");
  CHECK(errors_of("a: \xff\n").starts_with("deploy.yml:1:4: the recipe is not UTF-8 text\n"));
  CHECK(errors_of("a: \xed\xa0\x80\n").starts_with("deploy.yml:1:4: the recipe is not UTF-8 text\n"));
  CHECK(errors_of("a: b\rc: d\n").starts_with("deploy.yml:1:5: control character 0x0d in the recipe\n"));
  CHECK(errors_of(whole("application: \"a\\0b\"\n")).starts_with("deploy.yml:1:14: a NUL byte can't be in a value\n"));
}

TEST_CASE("text that is no YAML is told with the line and what may help", "[recipe]") {
  CHECK(errors_of("a:\n\tb: 1\n").find("indent with blanks, not with tabs") != std::string::npos);
  CHECK(errors_of("exclude: [*.map]\n") ==
        "deploy.yml:1:11: an alias of an anchor that is not there\n  exclude: [*.map]\n            ^\n"
        "  put text that begins with '*' in quotes\n");
  CHECK(errors_of("a: b: c\n") ==
        "deploy.yml:1:5: not valid YAML: illegal map value\n  a: b: c\n      ^\n"
        "  put text that contains ': ' in quotes, or look at the indentation\n");
  CHECK(errors_of("hosts: [app[1-2].x]\n").find("put text that contains brackets") != std::string::npos);
  CHECK_THAT(errors_of("hosts:\n  - [1-2].x\n"), Catch::Matchers::ContainsSubstring("put text that contains brackets"));
  for (const std::string_view slip : {"stages:\n  production:\n    hosts: [a]\n   user: x\n", "stages:\n  production:\n    hosts: [a]\n   roles: [x]\n",
                                      "hosts:\n  - a\n - b\n", "hosts:\n  - address: a\n   roles: [x]\n"}) {
    CAPTURE(slip);
    CHECK_THAT(errors_of(slip), Catch::Matchers::ContainsSubstring("\n  look at the indentation\n"));
  }
  CHECK(errors_of("tasks: {a: echo a: b}\n") ==
        "deploy.yml:1:18: not valid YAML: end of map flow not found\n  tasks: {a: echo a: b}\n                   ^\n"
        "  put text that contains ': ' in quotes\n");
  CHECK_THAT(errors_of("a: {b: [c: d: e]}\n"), Catch::Matchers::ContainsSubstring("put text that contains ': ' in quotes"));
  CHECK(errors_of("a: {b: ${c}}\n").find("put text that contains { or } in quotes") != std::string::npos);
  CHECK(
      errors_of("a: 1\n---\nb: 2\n") ==
      "deploy.yml:2:1: a recipe is one YAML document, a second one begins here\n  ---\n  ^\n  remove the '---' line\n");
}

TEST_CASE("quotes that never end are an error", "[recipe]") {
  CHECK(errors_of("a: \"x\nb: 1\n") ==
        "deploy.yml:1:4: text in quotes never ends\n  a: \"x\n     ^~\n  close the quotes\n");
  CHECK(errors_of("a: 'it''s\n").starts_with("deploy.yml:1:4: text in quotes never ends\n"));
  CHECK(load(whole("application: a\nvars: {a: \"x\n    y\", b: 'it''s', c: \"q\\\"\"}\n")).vars ==
        std::map<std::string, std::string>{{"a", "x y"}, {"b", "it's"}, {"c", "q\""}});
}

TEST_CASE("anchors, aliases and merge keys work", "[recipe]") {
  const Recipe recipe = load(R"(
application: shop
deploy_to: /a
source: {directory: d}
vars: &vars {a: &x one, b: *x}
tasks:
  first: &task {run: bin/x, timeout: 5m}
  second: {<<: *task, run: bin/y}
  third: {<<: [{run: bin/z, dir: z}, *task]}
stages:
  production: {hosts: [h], env: *vars}
)");
  CHECK(recipe.env == std::map<std::string, std::string>{{"a", "one"}, {"b", "one"}});
  CHECK(recipe.tasks.at("second").run == "bin/y");
  CHECK(recipe.tasks.at("second").timeout == std::chrono::minutes(5));
  CHECK(recipe.tasks.at("third").run == "bin/z");
  CHECK(recipe.tasks.at("third").dir == "z");
  CHECK(recipe.tasks.at("third").timeout == std::chrono::minutes(5));
  CHECK(errors_of(whole("application: a\nvars: {<<: x}\n")) ==
        "deploy.yml:2:8: '<<' takes a map, or a list of maps\n  vars: {<<: x}\n         ^~\n");
}

TEST_CASE("an anchor bomb ends in an error, not in memory", "[recipe]") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char name = 'b'; name < 'k'; ++name) {
    const std::string before = std::string("*") + static_cast<char>(name - 1);
    bomb += std::string(1, name) + ": &" + name + " [" + repeated(before + ", ", 9) + before + "]\n";
  }
  CHECK(errors_of(bomb) ==
        "deploy.yml:5:36: the recipe has more than 100000 nodes once its aliases are expanded\n"
        "  e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n                                     ^\n"
        "  use fewer aliases\n");
  const std::string big = "a: &a " + std::string(900'000, 'x') + "\nb: [" + repeated("*a, ", 1000) + "*a]\n";
  CHECK(errors_of(big).find("larger than 8 MiB once its aliases are expanded") != std::string::npos);
  CHECK(errors_of("a: &a [*a]\n") ==
        "deploy.yml:1:8: an alias inside of what it stands for\n  a: &a [*a]\n         ^\n  remove it\n");
}

TEST_CASE("nesting deeper than 64 levels is an error", "[recipe]") {
  CHECK(errors_of("a: " + repeated("[", 100) + repeated("]", 100) + "\n").find("nested deeper than 64 levels") !=
        std::string::npos);
  CHECK(errors_of("a: " + repeated("[", 60) + repeated("]", 60) + "\n").find("nested deeper") == std::string::npos);
  CHECK(errors_of(repeated("{a: ", 20'000)).find("nested deeper than 64 levels") != std::string::npos);
  std::string steps;
  for (int i = 0; i < 200; ++i) steps += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(errors_of(steps).find("nested deeper than 64 levels") != std::string::npos);
}

TEST_CASE("tags mean nothing in a recipe and are refused", "[recipe]") {
  CHECK(errors_of(whole("application: !secret a\n")) ==
        "deploy.yml:1:14: tags such as '!secret' mean nothing in a recipe\n  application: !secret a\n               "
        "^\n  remove it\n");
  CHECK(errors_of("application: a\ndeploy_to: /a\nsource: {directory: d, exclude: [!keep.map]}\nstages: {production: {hosts: [h]}}\n") ==
        "deploy.yml:3:34: tags such as '!keep.map' mean nothing in a recipe\n  source: {directory: d, exclude: [!keep.map]}\n"
        "                                   ^\n  put text that begins with '!' in quotes\n");
  CHECK(load(whole("application: !!str 12\n")).application == "12");
}

TEST_CASE("a huge value and a huge number of errors stay readable", "[recipe]") {
  const std::string line = errors_of(whole("application: " + std::string(500'000, 'x') + "\n"));
  CHECK(line.size() < 700);
  CHECK(line.starts_with("deploy.yml:1:14: 'xxxx"));
  std::string many = whole("application: a\n");
  for (int i = 0; i < 5000; ++i) many += "odd" + std::to_string(i) + ": x\n";
  const auto loaded = try_load(many);
  REQUIRE(!loaded);
  REQUIRE(loaded.error().size() == 101);
  CHECK(loaded.error().back().message == "and 4900 more errors from here on");
  CHECK(loaded.error().back().span->line == 105);
}

TEST_CASE("nodes know where they stand", "[recipe]") {
  Problems problems;
  const Document document = parse_yaml("a: [x, \"y z\"]\nb:\n  - c: 'd'\n  -\n", "f", problems);
  CHECK(problems.empty());
  CHECK(document.root.entries[0].place == Place{1, 1, 1, -1});
  CHECK(document.root.find("a")->place == Place{1, 4, 1, -1});
  CHECK(document.root.find("a")->items[1].place == Place{1, 8, 5, -1});
  const Node& list = *document.root.find("b");
  CHECK(list.items[0].entries[0].place == Place{3, 5, 1, -1});
  CHECK(list.items[0].entries[0].value.place == Place{3, 8, 3, -1});
  CHECK(list.items[1].kind == Node::Kind::null);
  CHECK(list.items[1].place == Place{4, 3, 1, -1});
}

}  // namespace kirikae::recipe
