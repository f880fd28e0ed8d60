#include "ui/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/digest.h"

namespace kirikae::ui {
namespace {

using Object = nlohmann::ordered_json;

// The names that people read, with the blanks filled: words for programs don't change with the wording.
std::string_view word_for(event::Outcome outcome) {
  return outcome == event::Outcome::rolled_back ? "rolled_back" : event::name_of(outcome);
}

std::string_view word_for(event::HostEnd end) {
  switch (end) {
    case event::HostEnd::unchanged: return "unchanged";
    case event::HostEnd::switched: return "switched";
    case event::HostEnd::already: return "already";
    case event::HostEnd::switched_then_failed: return "switched_then_failed";
    case event::HostEnd::undone: return "undone";
    case event::HostEnd::unknown: return "unknown";
  }
  return "unknown";
}

double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

Object object_of(const Error& error) {
  Object object = {{"code", name_of(error.code)}, {"message", message_of(error)}};
  if (!error.hint.empty()) object["hint"] = error.hint;
  if (!error.host.empty()) object["host"] = error.host;
  if (error.span) {
    object["file"] = error.span->file;
    if (error.span->line > 0) object.update({{"line", error.span->line}, {"column", error.span->column}});
  }
  return object;
}

Object object_of(const event::HostReport& host) {
  Object object = {{"host", host.host},
                   {"end", word_for(host.end)},
                   {"live_before", host.live_before},
                   {"live_after", host.live_after},
                   {"seconds", rounded(host.seconds)},
                   {"bytes", host.bytes}};
  if (host.error) object["error"] = object_of(*host.error);
  return object;
}

template <class Item>
Object array_of(const std::vector<Item>& items) {
  Object array = Object::array();
  for (const Item& item : items) array.push_back(object_of(item));
  return array;
}

// Each event's own fields; "event" is its name.
Object object_of(const event::RunStarted& e) {
  Object hosts = Object::array();
  for (const auto& host : e.hosts) hosts.push_back({{"name", host.name}, {"roles", host.roles}});
  return {{"event", "run_started"}, {"verb", e.verb}, {"application", e.application}, {"stage", e.stage}, {"hosts", hosts}};
}

Object object_of(const event::ReleaseChosen& e) {
  return {{"event", "release_chosen"}, {"release", e.release}, {"revision", e.revision}};
}

Object object_of(const event::PhaseStarted& e) {
  return {{"event", "phase_started"}, {"phase", event::name_of(e.phase)}, {"hosts", e.hosts}};
}

Object object_of(const event::PhaseFinished& e) {
  return {{"event", "phase_finished"},
          {"phase", event::name_of(e.phase)},
          {"seconds", rounded(e.seconds)},
          {"failed_hosts", e.failed_hosts}};
}

Object object_of(const event::HostState& e) { return {{"event", "host_state"}, {"host", e.host}, {"text", e.text}}; }

Object object_of(const event::StepStarted& e) {
  return {{"event", "step_started"}, {"host", e.host}, {"phase", event::name_of(e.phase)}, {"step", e.step}};
}

Object object_of(const event::StepFinished& e) {
  Object object = {{"event", "step_finished"},
                   {"host", e.host},
                   {"phase", event::name_of(e.phase)},
                   {"step", e.step},
                   {"seconds", rounded(e.seconds)}};
  if (e.error) object["error"] = object_of(*e.error);
  return object;
}

Object object_of(const event::Output& e) {
  return {{"event", "output"},
          {"host", e.host},
          {"step", e.step},
          {"channel", e.channel == event::Channel::err ? "err" : "out"},
          {"line", e.line}};
}

Object object_of(const event::Omitted& e) {
  return {{"event", "omitted"}, {"host", e.host}, {"step", e.step}, {"lines", e.lines}};
}

Object object_of(const event::Progress& e) {
  return {{"event", "progress"}, {"host", e.host}, {"sent", e.sent}, {"total", e.total}};
}

Object object_of(const event::Warning& e) { return {{"event", "warning"}, {"host", e.host}, {"text", e.text}}; }

Object object_of(const event::Answer& e) {
  Object object = {{"event", "result"}, {"text", e.text}};
  if (!e.json.empty()) object["data"] = Object::parse(e.json, nullptr, false);
  return object;
}

Object object_of(const event::RunFinished& e) {
  const event::Report& report = e.report;
  return {{"event", "run_finished"},
          {"verb", report.verb},
          {"application", report.application},
          {"stage", report.stage},
          {"release", report.release},
          {"outcome", word_for(report.outcome)},
          {"exit_code", event::exit_code(report)},
          {"seconds", rounded(report.seconds)},
          {"hosts", array_of(report.hosts)},
          {"errors", array_of(report.errors)},
          {"advice", report.advice}};
}

// `##[` anywhere in a line is a command to some CI systems, and what hosts print must be none. It stands in strings only,
// where the bracket may as well be written so.
std::string without_markers(std::string line) {
  for (std::size_t at = 0; (at = line.find("##[", at)) != std::string::npos;) line.replace(at + 2, 1, "\\u005b");
  return line;
}

}  // namespace

Json::Json(std::function<void(std::string_view)> out, JsonStamp stamp, bool answers)
    : out_(std::move(out)), stamp_(std::move(stamp)), answers_(answers) {}

Json::~Json() {
  if (end_) write(*end_);
}

void Json::show(const event::Event& event) {
  if (answers_ && std::holds_alternative<event::RunFinished>(event.what)) {
    end_ = event;
  } else {
    write(event);
  }
}

void Json::write(const event::Event& event) {
  if (!start_) start_ = stamp_.unix_now() - event.at;
  last_ = std::max(last_, event.at);
  Object line;
  Object own = std::visit([](const auto& what) { return object_of(what); }, event.what);
  line["event"] = own["event"];
  line["at"] = rounded(last_);
  line["time"] = json_time(*start_ + last_);
  line["run"] = stamp_.run;
  line.update(own);
  out_(without_markers(line.dump(-1, ' ', true, Object::error_handler_t::replace)) + '\n');
}

std::string new_run_id(double unix_now) {
  // Runs of one second stay in their order: the first three digits are that second's parts of 4096, the others are random.
  const double whole = std::floor(unix_now);
  return fmt::format("{:%Y%m%d-%H%M%S}-{:03x}{}", fmt::gmtime(static_cast<std::time_t>(whole)),
                     static_cast<unsigned>((unix_now - whole) * 4096), random_hex(2).substr(0, 3));
}

std::string json_time(double unix_seconds) {
  const auto milliseconds = static_cast<std::int64_t>(std::floor(unix_seconds * 1000));
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)),
                     milliseconds % 1000);
}

}  // namespace kirikae::ui
