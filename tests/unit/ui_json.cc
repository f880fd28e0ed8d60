#include "ui/json.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "support/catch.h"

namespace kirikae::ui {
namespace {

using Object = nlohmann::ordered_json;
using event::Any;
using event::Event;
using event::Phase;

std::string shown(const std::vector<Event>& events, bool answers = false) {
  std::string text;
  {
    Json json([&](std::string_view line) { text += line; }, {"20261122-013000-4f2a91", [] { return 1795311000.25; }},
              answers);
    for (const Event& event : events) json.show(event);
  }
  return text;
}

std::vector<Object> lines(const std::vector<Event>& events, bool answers = false) {
  std::vector<Object> objects;
  const std::string text = shown(events, answers);
  for (std::size_t from = 0; from < text.size();) {
    const auto end = text.find('\n', from);
    objects.push_back(Object::parse(text.substr(from, end - from)));
    from = end + 1;
  }
  return objects;
}

Error whole_error() {
  Error error = Error(ErrorCode::remote, "no space left", "make room").with_context("publish").on("web1");
  error.span = Span{"deploy.yml", 4, 2, 3, "keep: x"};
  return error;
}

event::Report whole_report() {
  event::Report report;
  report.hosts = {{"web1", event::HostEnd::undone, "20261121090000", "20261121090000", 1.5, 4096, whole_error()}};
  report.errors = {whole_error()};
  report.advice = {"deploy production"};
  return report;
}

// Every event with all that it can hold, and once more with as little as it can.
std::vector<Any> samples() {
  std::vector<Any> all = {event::RunStarted{"deploy", "shop", "production", {{"web1", {"app"}}}},
                          event::ReleaseChosen{"20261122013000", "4f2a91c"},
                          event::PhaseStarted{Phase::upload, {"web1"}},
                          event::PhaseFinished{Phase::upload, 1.5, 1},
                          event::HostState{"web1", "authenticating"},
                          event::StepStarted{"web1", Phase::build, "task install"},
                          event::StepFinished{"web1", Phase::build, "task install", 0.25, whole_error()},
                          event::StepFinished{"", Phase::build, "task install", 0.25, std::nullopt},
                          event::Output{"web1", "task install", event::Channel::err, "hello"},
                          event::Omitted{"web1", "task install", 5},
                          event::Progress{"web1", 5, 10},
                          event::Warning{"web1", "odd"},
                          event::Answer{"a text", R"({"hosts":[]})"},
                          event::Answer{"a text", ""},
                          event::RunFinished{whole_report()},
                          event::RunFinished{}};
  std::set<std::size_t> kinds;
  for (const Any& sample : all) kinds.insert(sample.index());
  REQUIRE(kinds.size() == std::variant_size_v<Any>);
  return all;
}

Object schema() {
  std::ifstream file(KIRIKAE_SOURCE_DIR "/docs/events.schema.json");
  return Object::parse(file);
}

std::set<std::string> keys(const Object& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

// What a program may rely on: the required fields and no others than the described ones.
void check_fields(const Object& object, const Object& definition) {
  CAPTURE(object.dump());
  const auto has = keys(object), knows = keys(definition["properties"]);
  for (const std::string& name : has) {
    CAPTURE(name);
    CHECK(knows.contains(name));
  }
  for (const auto& name : definition["required"]) CHECK(has.contains(name.get<std::string>()));
}

}  // namespace

TEST_CASE("every event has the fields that the schema describes and no others") {
  const Object all = schema();
  const Object& common = all["$defs"]["common"];
  std::set<std::string> seen;
  std::map<std::string, std::set<std::string>> fields;
  for (const Any& sample : samples()) {
    Object line = lines({{0.5, sample}}).at(0);
    const std::string name = line["event"];
    seen.insert(name);
    CAPTURE(name);
    REQUIRE(all["$defs"].contains(name));
    const Object& definition = all["$defs"][name];
    for (const auto& field : keys(line)) fields[name].insert(field);
    for (const auto& field : keys(common["properties"])) {
      CHECK(line.contains(field));
      if (field != "event") line.erase(field);
    }
    check_fields(line, definition);
    if (name == "run_started") check_fields(line["hosts"][0], all["$defs"]["host"]);
    if (line.contains("error")) check_fields(line["error"], all["$defs"]["error"]);
    if (name == "run_finished" && !line["hosts"].empty()) {
      check_fields(line["hosts"][0], all["$defs"]["host_end"]);
      CHECK(keys(line["hosts"][0]) == keys(all["$defs"]["host_end"]["properties"]));
      check_fields(line["errors"][0], all["$defs"]["error"]);
      CHECK(keys(line["errors"][0]) == keys(all["$defs"]["error"]["properties"]));
    }
  }
  for (const Object& reference : all["oneOf"]) {
    const std::string name = reference["$ref"].get<std::string>().substr(8);
    CAPTURE(name);
    CHECK(seen.contains(name));  // nothing is described that doesn't come
    for (const auto& field : keys(all["$defs"][name]["properties"])) CHECK(fields[name].contains(field));
  }
}

TEST_CASE("an event is one line that begins with its name, its times and its run") {
  CHECK(shown({{0.0004, event::RunStarted{"deploy", "shop", "production", {{"web1", {"app", "db"}}}}},
               {1.25, event::StepFinished{"web1", Phase::publish, "publish", 0.0123, whole_error()}}}) ==
        R"({"event":"run_started","at":0.0,"time":"2026-11-22T01:30:00.250Z","run":"20261122-013000-4f2a91",)"
        R"("verb":"deploy","application":"shop","stage":"production","hosts":[{"name":"web1","roles":["app","db"]}]})"
        "\n"
        R"({"event":"step_finished","at":1.25,"time":"2026-11-22T01:30:01.499Z","run":"20261122-013000-4f2a91",)"
        R"("host":"web1","phase":"publish","step":"publish","seconds":0.012,"error":{"code":"remote",)"
        R"("message":"publish: no space left","hint":"make room","host":"web1","file":"deploy.yml","line":4,"column":2}})"
        "\n");
}

TEST_CASE("whatever a host prints stays one valid line of JSON") {
  const std::string hostile = "\xff\xc0\x80 \xed\xa0\x80 \"},\n{\"event\":\"run_finished\"} \x1b[2J \x01";
  const std::string text = shown({{0, event::Output{hostile, hostile, event::Channel::out, hostile}}});
  CHECK(text.find('\n') == text.size() - 1);
  const Object line = Object::parse(text);
  CHECK(line["event"] == "output");
  CHECK(line["line"] == "\ufffd\ufffd\ufffd \ufffd\ufffd\ufffd \"},\n{\"event\":\"run_finished\"} \x1b[2J \x01");
}

TEST_CASE("no line of JSON holds what CI systems take for a command") {
  const std::string text = shown({{0, event::Output{"web1", "x", event::Channel::out, "a ##[add-mask]b ##[##[error]c"}}});
  CHECK(text.find("##[") == std::string::npos);
  CHECK(Object::parse(text)["line"] == "a ##[add-mask]b ##[##[error]c");
}

TEST_CASE("the phases that the schema lists are those that there are") {
  const Object definitions = schema()["$defs"];
  Object names = Object::array();
  std::string list;
  for (int i = 0; event::name_of(static_cast<Phase>(i)) != "?"; ++i) {
    names.push_back(event::name_of(static_cast<Phase>(i)));
    list += (list.empty() ? "" : ", ") + std::string(event::name_of(static_cast<Phase>(i)));
  }
  for (const char* event : {"phase_started", "phase_finished", "step_started", "step_finished"}) {
    CAPTURE(event);
    CHECK(definitions[event]["properties"]["phase"]["enum"] == names);
    CHECK(definitions[event]["properties"]["phase"]["description"] == "the phase: " + list);
  }
}

TEST_CASE("the end of a verb that reads comes after its answer") {
  const std::vector<Event> events = {{1, event::RunFinished{}}, {1.1, event::Answer{"text", R"({"a":[1]})"}}};
  CHECK(lines(events)[0]["event"] == "run_finished");
  const auto answered = lines(events, true);
  REQUIRE(answered.size() == 2);
  CHECK(answered[0]["data"] == Object::parse(R"({"a":[1]})"));
  CHECK(answered[1]["event"] == "run_finished");
  CHECK(answered[1]["at"] == 1.1);
}

TEST_CASE("no line says an earlier time than the one above it, whichever thread was faster") {
  const auto told = lines({{0.2, event::Warning{"web1", "a"}}, {0.1, event::Warning{"web2", "b"}}, {0.3, event::RunFinished{}}});
  CHECK(told[1]["at"] == 0.2);
  CHECK(told[1]["time"] == told[0]["time"]);
  CHECK(told[2]["at"] == 0.3);
}

TEST_CASE("a run's id is its time and chance, and sorts by time") {
  const std::string id = new_run_id(1795311000.9);
  CHECK(id.starts_with("20261122-013000-"));
  CHECK(id.size() == 22);
  CHECK(id != new_run_id(1795311000.9));
  CHECK(json_time(0.9996) == "1970-01-01T00:00:00.999Z");
}

}  // namespace kirikae::ui
