#include "ui/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace kirikae::ui {
namespace {

using Parsed = nlohmann::json;

// Fields by their type; anything else is as if it weren't there.
std::string text_at(const Parsed& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Seconds. No run takes thirty years.
double number_at(const Parsed& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::clamp(found->get<double>(), 0.0, 1e9) : 0;
}

std::uint64_t count_at(const Parsed& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

const Parsed& list_at(const Parsed& object, const char* name) {
  static const Parsed none = Parsed::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

std::vector<std::string> texts_at(const Parsed& object, const char* name) {
  std::vector<std::string> texts;
  for (const Parsed& each : list_at(object, name)) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

const Parsed* error_of(const Parsed& object) {
  const auto found = object.find("error");
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

// With its place in the recipe, where it has one.
std::string message_at(const Parsed& error) {
  const std::string file = text_at(error, "file"), message = text_at(error, "message");
  const auto line = count_at(error, "line"), column = count_at(error, "column");
  if (file.empty()) return message;
  return line == 0 ? file + ": " + message : fmt::format("{}:{}:{}: {}", file, line, column, message);
}

class Reader {
 public:
  void take(std::string_view line) {
    const Parsed event = Parsed::parse(line, nullptr, false);
    if (!event.is_object() || text_at(event, "event").empty()) {
      ++record_.unreadable;
      return;
    }
    if (record_.run.empty()) {
      record_.run = text_at(event, "run");
      record_.time = text_at(event, "time");
    }
    at_ = number_at(event, "at");
    record_.seconds = std::max(record_.seconds, at_);
    const std::string name = text_at(event, "event");
    if (const auto found = takers().find(name); found != takers().end()) (this->*found->second)(event);
  }

  RunRecord end() {
    for (const auto& [key, index] : open_) keep_output(key, record_.steps[index]);
    return std::move(record_);
  }

 private:
  using Key = std::pair<std::string, std::string>;  // host, step
  using Taker = void (Reader::*)(const Parsed&);

  struct Printed {
    std::deque<std::string> lines;
    std::uint64_t omitted = 0;
  };

  static const std::map<std::string, Taker>& takers() {
    static const std::map<std::string, Taker> all = {
        {"run_started", &Reader::run_started},     {"release_chosen", &Reader::release_chosen},
        {"phase_started", &Reader::phase_started}, {"phase_finished", &Reader::phase_finished},
        {"step_started", &Reader::step_started},   {"step_finished", &Reader::step_finished},
        {"output", &Reader::output},               {"omitted", &Reader::omitted},
        {"warning", &Reader::warning},             {"run_finished", &Reader::run_finished}};
    return all;
  }

  static Key key_of(const Parsed& event) { return {text_at(event, "host"), text_at(event, "step")}; }

  void run_started(const Parsed& event) {
    record_.verb = text_at(event, "verb");
    record_.application = text_at(event, "application");
    record_.stage = text_at(event, "stage");
    for (const Parsed& host : list_at(event, "hosts")) {
      if (host.is_object()) record_.hosts.push_back({text_at(host, "name"), texts_at(host, "roles"), {}, {}, {}, 0, 0, {}, {}});
    }
  }

  void release_chosen(const Parsed& event) {
    record_.release = text_at(event, "release");
    record_.revision = text_at(event, "revision");
  }

  void phase_started(const Parsed& event) {
    record_.phases.push_back({text_at(event, "phase"), at_, {}, list_at(event, "hosts").size(), 0});
  }

  void phase_finished(const Parsed& event) {
    if (record_.phases.empty()) return;
    record_.phases.back().end = at_;
    record_.phases.back().failed_hosts = static_cast<std::int64_t>(count_at(event, "failed_hosts"));
  }

  void step_started(const Parsed& event) {
    open_[key_of(event)] = record_.steps.size();
    record_.steps.push_back({text_at(event, "host"), text_at(event, "phase"), text_at(event, "step"), at_, {}, {}, {}, 0});
  }

  // `at` is when it was told, which may be later: the connect phase tells its steps at its end.
  void step_finished(const Parsed& event) {
    const auto found = open_.find(key_of(event));
    if (found == open_.end()) return;
    RecordedStep& step = record_.steps[found->second];
    const double seconds = number_at(event, "seconds");
    step.end = std::clamp(step.start + seconds, step.start, std::max(step.start, at_));
    if (const Parsed* error = error_of(event)) {
      step.error = text_at(*error, "message");
      keep_output(found->first, step);
    }
    printed_.erase(found->first);
    open_.erase(found);
  }

  void output(const Parsed& event) {
    constexpr std::size_t most_lines = 200;
    Printed& printed = printed_[key_of(event)];
    printed.lines.push_back(text_at(event, "line"));
    if (printed.lines.size() <= most_lines) return;
    printed.lines.pop_front();
    ++printed.omitted;
  }

  void omitted(const Parsed& event) {
    Printed& printed = printed_[key_of(event)];
    printed.omitted += printed.lines.size() + count_at(event, "lines");
    printed.lines.clear();
  }

  void warning(const Parsed& event) { record_.warnings.push_back({text_at(event, "host"), text_at(event, "text")}); }

  void run_finished(const Parsed& event) {
    for (const auto& [name, into] : {std::pair{"verb", &record_.verb}, {"application", &record_.application},
                                     {"stage", &record_.stage}, {"release", &record_.release}}) {
      if (into->empty()) *into = text_at(event, name);
    }
    record_.outcome = text_at(event, "outcome");
    record_.exit_code = static_cast<int>(count_at(event, "exit_code"));
    record_.seconds = std::max(record_.seconds, number_at(event, "seconds"));
    record_.advice = texts_at(event, "advice");
    for (const Parsed& error : list_at(event, "errors")) {
      if (error.is_object()) record_.errors.push_back({text_at(error, "host"), message_at(error), text_at(error, "hint")});
    }
    for (const Parsed& host : list_at(event, "hosts")) {
      if (host.is_object()) host_end(host);
    }
  }

  void host_end(const Parsed& ended) {
    const std::string name = text_at(ended, "host");
    auto host = std::ranges::find_if(record_.hosts, [&](const RecordedHost& each) { return each.name == name; });
    if (host == record_.hosts.end()) host = record_.hosts.insert(host, {name, {}, {}, {}, {}, 0, 0, {}, {}});
    host->end = text_at(ended, "end");
    host->live_before = text_at(ended, "live_before");
    host->live_after = text_at(ended, "live_after");
    host->seconds = number_at(ended, "seconds");
    host->bytes = count_at(ended, "bytes");
    if (const Parsed* error = error_of(ended)) {
      host->error = text_at(*error, "message");
      host->hint = text_at(*error, "hint");
    }
  }

  void keep_output(const Key& key, RecordedStep& step) {
    const auto printed = printed_.find(key);
    if (printed == printed_.end()) return;
    step.output.assign(printed->second.lines.begin(), printed->second.lines.end());
    step.omitted = printed->second.omitted;
  }

  RunRecord record_;
  double at_ = 0;
  std::map<Key, std::size_t> open_;  // steps that haven't ended
  std::map<Key, Printed> printed_;
};

}  // namespace

RunRecord read_record(std::string_view json_lines) {
  Reader reader;
  while (!json_lines.empty()) {
    const auto end = std::min(json_lines.find('\n'), json_lines.size());
    if (end > 0) reader.take(json_lines.substr(0, end));
    json_lines.remove_prefix(std::min(end + 1, json_lines.size()));
  }
  return reader.end();
}

}  // namespace kirikae::ui
