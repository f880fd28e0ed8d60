#include <algorithm>

#include "fuzz/driver.h"
#include "recipe/load.h"
#include "recipe/starter.h"

namespace kirikae::fuzz {
namespace {

// Where the caret stands: inside of the input's line, or just behind its end.
bool is_inside(const Span& span, std::string_view input) {
  if (input.starts_with("\xef\xbb\xbf")) input.remove_prefix(3);
  for (int line = 1; line < span.line; ++line) {
    const auto end = input.find('\n');
    if (end == std::string_view::npos) return false;
    input.remove_prefix(end + 1);
  }
  std::string_view text = input.substr(0, input.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return span.column >= 1 && static_cast<std::size_t>(span.column) <= text.size() + 1 && span.source_line == text &&
         span.length >= 1;
}

void check_errors(const recipe::Errors& errors, std::string_view input) {
  must(!errors.empty(), "a recipe that doesn't load has an error");
  for (const auto& error : errors) {
    must(!error.message.empty() && error.message.find('\n') == std::string::npos,
         "an error says something, on one line");
    must(!to_text(error).empty(), "an error can be printed");
    if (error.code == ErrorCode::usage) continue;  // --set, or no such stage: not about the file
    must(error.span && is_inside(*error.span, input), "an error has a place inside of the file");
  }
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      "application: shop\ndeploy_to: /srv/${application}\nkeep_releases: 3\nvars: {port: \"80\", a: ${env.A:-x}}\n",
      "application: shop\ndeploy_to: /srv/${application}\nkeep_releases: 3\nvars: {port: \"80\", a: \"${env.A:-x}\"}\n"
      "source: {directory: dist, exclude: [\"*.map\"]}\nshared: {directories: [log], files: [.env]}\n"
      "tasks:\n  one: {run: 'echo \"$RELEASE\"', roles: [app], once: true, timeout: 10m, dir: db}\n"
      "hooks: {build: [one], after_publish: [one]}\nssh: {port: 22, connect_timeout: 5s}\n"
      "stages:\n  staging: {hosts: [a.example.com], keep_releases: 1}\n"
      "  production:\n    hosts:\n      - {address: 'web[01-03].example.com', roles: [app], primary: false}\n"
      "      - {address: 'me@[2001:db8::1]:22', vars: {port: \"81\"}}\n",
      "application: shop\ndeploy_to: /srv/shop\nsource: {archive: shop.tar.gz, sha256: "
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}\nstages: {production: {hosts: [a]}}\n",
      "\xef\xbb\xbf"
      "application: shop\r\ndeploy_to: /srv/shop\r\nsource: {directory: .}\r\nvars: &v {ä: ö, b: &x 'it''s'}\r\n"
      "tasks: {a: &t {run: x}, b: {<<: *t, dir: y}}\r\nstages:\r\n  production:\r\n    hosts:\r\n    -\r\n    - a\r\n",
      "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n",
      "vars: {a: \"${b}\", b: \"x${c}\", c: \"${a}${d\"}\n? [x]\n: |\n  text\n",
      "--- %\n!!binary aGVsbG8=\n...\n",
      recipe::starter_recipe("shop"),
  };
}

void try_input(std::string_view input) {
  const recipe::Surroundings surroundings{{{"A", "1"}}, "/home/deploy"};
  const auto names = recipe::stage_names(input, "deploy.yml");
  if (!names) check_errors(names.error(), input);
  const auto loaded =
      recipe::load_recipe(input, "deploy.yml", "/srv/project", "production", {"port=8080"}, surroundings);
  if (!loaded) return check_errors(loaded.error(), input);
  must(names.has_value(), "a recipe that loads has stages");
  must(std::find(names->begin(), names->end(), "production") != names->end(),
       "the stage that was loaded is one of them");
  must(loaded->deploy_to.starts_with("/") && loaded->deploy_to.size() > 1, "a recipe that loads says where to");
  must(!loaded->hosts.empty(), "a recipe that loads has hosts");
  must(int{loaded->source.directory.has_value()} + int{loaded->source.archive.has_value()} + int{loaded->source.git.has_value()} == 1,
       "a recipe that loads has one source");
  const auto printed = recipe::to_yaml(*loaded);
  const auto again = recipe::load_recipe(printed, "deploy.yml", "/srv/project", "production", {}, surroundings);
  must(again.has_value(), "a printed recipe loads");
  must(recipe::to_yaml(*again) == printed, "a printed recipe is the same recipe");
}

}  // namespace kirikae::fuzz
