#include "core/mustache.h"

#include "core/subprocess.h"
#include "support/catch.h"

namespace kirikae {
namespace {

using Value = MustacheValue;

// What the template comes to, or its error.
std::string made(const std::string& text, const std::map<std::string, Value>& names) {
  const auto parsed = MustacheTemplate::parse(text, "app.conf");
  if (!parsed) return to_text(parsed.error());
  const auto result = parsed->render(Value::of_map(names));
  return result ? *result : to_text(result.error());
}

std::string made_with(const std::string& text, const std::string& value) { return made(text, {{"x", Value::of(value)}}); }

std::string output_of(const std::vector<std::string>& argv, const std::string& input) {
  std::string output;
  SubprocessCall call;
  call.argv = argv;
  call.input = input;
  call.deadline = Deadline::in(std::chrono::seconds(30));
  call.on_output = [&](bool, std::string_view bytes) { output += bytes; };
  REQUIRE(run_subprocess(call));
  return output;
}

const std::vector<std::string>& hostile_values() {
  static const std::vector<std::string> values = {
      "", " ", "plain", "it's", "a\nb", "\n", "\"", "\\", "\\\"", "$HOME", "$(id)", "`id`", "{{x}}", "}}", "{{{y}}}", "<a b='c'>&amp;",
      "%41", "a b&c=d", "\t\r\n\x01\x7f", "ä 日本", "#x", ": y", "-", "!x", "\xff\xfe"};
  return values;
}

}  // namespace

TEST_CASE("values stand as they are, and nothing is escaped by itself", "[mustache]") {
  CHECK(made_with("a {{x}} b {{ x }} {{{x}}} {{& x}}", "<&\"'>") == "a <&\"'> b <&\"'> <&\"'> <&\"'>");
  CHECK(made_with("{{x}}", "{{x}}") == "{{x}}");
  CHECK(made_with("no tags\n", "") == "no tags\n");
  CHECK(made_with("{{! a remark }}x: {{x}}\n", "1") == "x: 1\n");
  CHECK(made_with("{{=<% %>=}}{{ x }} <% x %>", "1") == "{{ x }} 1");
}

TEST_CASE("a line break in a value is refused where it would begin a line of its own", "[mustache]") {
  CHECK(made_with("a: 1\nx: {{x}}\n", "1\nadmin: yes") ==
        "app.conf:2:4: the value of 'x' has a line break or a control character in it\n  x: {{x}}\n     ^~~~~\n"
        "  {{{x}}} takes it as it is, {{shell.x}} and {{json.x}} make it safe");
  CHECK(made_with("x: {{x}}", "a\x1b[0m").find("control character") != std::string::npos);
  CHECK(made_with("x: {{x}}", "a\tb") == "x: a\tb");
  CHECK(made_with("{{{x}}}", "1\n2") == "1\n2");
  CHECK(made_with("{{&x}}", "1\n2") == "1\n2");
}

TEST_CASE("a value in the shell's form is one word of a shell, whatever it holds", "[mustache]") {
  for (const auto& value : hostile_values()) {
    INFO(value);
    CHECK(output_of({"/bin/sh"}, made_with("v={{shell.x}}; printf '%s.' \"$v\"\n", value)) == value + '.');
  }
}

TEST_CASE("a value in JSON's form is a string that JSON reads back", "[mustache]") {
  for (const auto& value : hostile_values()) {
    if (value.find('\xff') != std::string::npos) continue;  // no text
    INFO(value);
    const std::string json = made_with("{\"v\": {{json.x}}}", value);
    CHECK(output_of({"python3", "-c", "import json, sys; sys.stdout.write(json.loads(sys.stdin.buffer.read().decode())['v'])"}, json) ==
          value);
  }
}

TEST_CASE("a value in the form of URLs and of XML is read back, too", "[mustache]") {
  for (const auto& value : hostile_values()) {
    INFO(value);
    CHECK(output_of({"python3", "-c",
                     "import urllib.parse, sys; sys.stdout.buffer.write(urllib.parse.unquote_to_bytes(sys.stdin.read()))"},
                    made_with("{{url.x}}", value)) == value);
  }
  CHECK(made_with("<a b=\"{{xml.x}}\">{{xml.x}}</a>", "<\"'&>") == "<a b=\"&lt;&quot;&#39;&amp;&gt;\">&lt;&quot;&#39;&amp;&gt;</a>");
}

TEST_CASE("sections stand for what is there, and go through lists", "[mustache]") {
  const auto host = [](const std::string& name, bool primary) {
    return Value::of_map({{"name", Value::of(name)}, {"primary", Value::of_flag(primary)}});
  };
  const std::map<std::string, Value> names = {{"hosts", Value::of_list({host("a", true), host("b c", false)})},
                                              {"roles", Value::of_map({{"db", Value::of_list({host("d", false)})}})},
                                              {"empty", Value::of("")},
                                              {"port", Value::of("80")}};
  CHECK(made("{{#hosts}}\nserver {{shell.name}}:{{port}}{{#primary}} first{{/primary}};\n{{/hosts}}\nend\n", names) ==
        "server 'a':80 first;\nserver 'b c':80;\nend\n");
  CHECK(made("{{#roles.db}}{{name}}{{/roles.db}}", names) == "d");
  CHECK(made("{{#empty}}x{{/empty}}{{^empty}}none{{/empty}}{{#port}}{{.}}{{/port}}", names) == "none80");
  CHECK(made("{{empty}}|{{shell.empty}}|{{json.empty}}", names) == "|''|\"\"");
}

TEST_CASE("a line that has nothing but tags for no text is no line, whether a section is there or not", "[mustache]") {
  const std::map<std::string, Value> names = {{"yes", Value::of_flag(true)}, {"no", Value::of_flag(false)}, {"x", Value::of("X")}};
  for (const std::string name : {"yes", "no"}) {
    const bool is_there = name == "yes";
    INFO(name);
    const auto becomes = [&](const std::string& text, const std::string& there, const std::string& not_there) {
      INFO(text);
      CHECK(made(text, names) == (is_there ? there : not_there));
    };
    becomes("a\n{{#" + name + "}}\nb\n{{/" + name + "}}\nc\n", "a\nb\nc\n", "a\nc\n");
    becomes("a\n  {{#" + name + "}}  \n  b\n  {{/" + name + "}}\n\nc", "a\n  b\n\nc", "a\n\nc");
    becomes("{{^" + name + "}}\nb\n{{/" + name + "}}\n", "", "b\n");
    becomes("{{#" + name + "}}\nb\n{{/" + name + "}}", "b\n", "");
    becomes("a{{#" + name + "}}\nb{{/" + name + "}}\nc\n", "a\nb\nc\n", "a\nc\n");
    becomes("{{#" + name + "}}b{{/" + name + "}}\nc\n", "b\nc\n", "\nc\n");
    becomes("a\n{{#" + name + "}}{{#x}}\r\n{{x}}\r\n{{/x}}{{/" + name + "}}\r\nc\n", "a\nX\r\nc\n", "a\nc\n");
  }
  CHECK(made("a\n{{! of two\nlines }}\nb {{! c }}\n{{=<% %>=}}\n<%#no%>\nx\n<%/no%>\n<%x%>\n", names) == "a\nb \nX\n");
}

TEST_CASE("what has no text can't be put in as one", "[mustache]") {
  const std::map<std::string, Value> names = {{"hosts", Value::of_list({Value::of_map({{"primary", Value::of_flag(false)}})})},
                                              {"none", Value::of_list({})},
                                              {"has", Value::of_map({{"db", Value::of_flag(true)}})}};
  CHECK(made("{{hosts}}", names) == "app.conf:1:1: 'hosts' is a list, not a text\n  {{hosts}}\n  ^~~~~~~~~\n  write {{#hosts}} … {{/hosts}}, where {{.}} or {{NAME}} is of an item");
  CHECK(made("{{json.has}}", names) == "app.conf:1:1: 'has' is a map, not a text\n  {{json.has}}\n  ^~~~~~~~~~~~\n  name what of it is meant: {{has.NAME}}");
  const std::string flag = "write {{#has.db}} … {{/has.db}}, for what is there if it is true";
  CHECK(made("{{{has.db}}}", names) == "app.conf:1:1: 'has.db' is true or false, not a text\n  {{{has.db}}}\n  ^~~~~~~~~~~~\n  " + flag);
  CHECK(made("{{#hosts}}{{primary}}{{/hosts}}", names).find("'primary' is true or false") != std::string::npos);
  CHECK(made("{{#none}}{{primary}}{{/none}}", names).empty());
}

TEST_CASE("what is wrong with a template is told with its place", "[mustache]") {
  CHECK(made_with("a\n  {{y}}\n", "") == "app.conf:2:3: nothing is named 'y' here\n    {{y}}\n    ^~~~~");
  CHECK(made_with("{{#y}}{{/y}}", "") == "app.conf:1:1: nothing is named 'y' here\n  {{#y}}{{/y}}\n  ^~~~~~");
  CHECK(made_with("a {{x b", "") == "app.conf:1:3: '{{' is never closed\n  a {{x b\n    ^~\n  close it by }}; other marks can be set by {{=<% %>=}}");
  CHECK(made_with("{{#x}}\n", "") == "app.conf:1:1: the section 'x' is never closed\n  {{#x}}\n  ^~\n  close it by {{/x}}");
  CHECK(made_with("{{/x}}\n", "") == "app.conf:1:1: the section 'x' is closed, but not open here\n  {{/x}}\n  ^~");
  CHECK(made_with("{{#x}}{{#y}}{{/x}}", "").find("close 'y' first") != std::string::npos);
  CHECK(made_with("{{> other}}", "").find("a template can't take in another one") != std::string::npos);
  CHECK(made_with("{{}}", "").find("a tag without a name") != std::string::npos);
  CHECK(made_with("{{=x=}}", "").find("new marks are two words") != std::string::npos);
}

TEST_CASE("the tags of a template are known, with the sections around them", "[mustache]") {
  const auto parsed = MustacheTemplate::parse("{{a}} {{#hosts}}{{json.name}}{{^b}}{{{c}}}{{/b}}{{/hosts}}", "t");
  REQUIRE(parsed);
  std::string told;
  for (const auto& tag : parsed->tags()) {
    told += tag.form + ':' + tag.name + (tag.is_section ? "#" : "") + '@';
    for (const auto& section : tag.sections) told += section + '/';
    told += ' ';
  }
  CHECK(told == ":a@ :hosts#@ json:name@hosts/ :b#@hosts/ :c@hosts/b/ ");
}

}  // namespace kirikae
