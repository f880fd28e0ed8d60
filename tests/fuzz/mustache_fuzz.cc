#include "core/mustache.h"

#include <vector>

#include "fuzz/driver.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  return {
      "a {{x}} {{{x}}} {{&x}} {{shell.x}} {{! no }}\n{{#l}}{{json.y}},{{/l}}{{^l}}none{{/l}}\n",
      "{{=<% %>=}}<%x%> {{x}} <%={{ }}=%>{{#x}}{{.}}{{/x}}",
      "{{#l}}{{#l}}{{y}}{{/l}}{{/l}}{{> p}}{{/l}}{{#m}}",
      "{{=  = =}}{{=a  b=}}{{{x}}{{}}{{ }}{{.}}{{#.}}{{/.}}",
  };
}

void try_input(std::string_view input) {
  const auto parsed = MustacheTemplate::parse(std::string(input), "t");
  if (!parsed) {
    must(parsed.error().code == ErrorCode::recipe && !parsed.error().message.empty(), "an error says what is wrong");
    return;
  }
  using Value = MustacheValue;
  const auto item = Value::of_map({{"y", Value::of("1")}});
  const auto made = parsed->render(Value::of_map({{"x", Value::of("va'l\"ue")}, {"l", Value::of_list({item, item})}, {"m", Value::of("")}}));
  must(made || made.error().code == ErrorCode::recipe, "rendering ends in text or in an error of the template");
}

}  // namespace kirikae::fuzz
