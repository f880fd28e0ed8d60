// Json: events as JSON, one object a line. docs/events.md is its description, and a promise.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ui/renderer.h"

namespace kirikae::ui {

// What stands in every line besides the event.
struct JsonStamp {
  std::string run;                   // the run's id
  std::function<double()> unix_now;  // asked once: a clock that is put right in mid-run turns no order around
};

class Json : public Renderer {
 public:
  // `out` gets one whole line at a time. `answers`: of a verb that reads, whose answer comes after the run's end; that end
  // is held back, so that it is the last line always.
  Json(std::function<void(std::string_view)> out, JsonStamp stamp, bool answers = false);
  ~Json() override;
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;
  Json(Json&&) = delete;
  Json& operator=(Json&&) = delete;

  void show(const event::Event& event) override;

 private:
  void write(const event::Event& event);

  std::function<void(std::string_view)> out_;
  JsonStamp stamp_;
  bool answers_;
  std::optional<double> start_;  // unix seconds when the run began
  double last_ = 0;              // of the lines so far: none says an earlier time than the one above it
  std::optional<event::Event> end_;
};

// A new run's id: `20261122-013000-4f2a91`, UTC and chance. Sorts by time.
std::string new_run_id(double unix_now);

// `2026-11-22T01:30:00.123Z`.
std::string json_time(double unix_seconds);

}  // namespace kirikae::ui
