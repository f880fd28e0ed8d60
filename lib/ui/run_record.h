// RunRecord: a run as its events tell it, for the report. Made from JSON lines, which may end anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ui {

struct RecordedStep {
  std::string host;  // empty: this machine
  std::string phase;
  std::string step;
  double start = 0;
  std::optional<double> end;  // none: it was under way when the record ended
  std::optional<std::string> error;
  std::vector<std::string> output;  // of steps that failed or didn't end: the last lines
  std::uint64_t omitted = 0;        // lines before those
};

struct RecordedPhase {
  std::string name;
  double start = 0;
  std::optional<double> end;
  std::size_t hosts = 0;
  std::int64_t failed_hosts = 0;
};

struct RecordedHost {
  std::string name;
  std::vector<std::string> roles;
  std::string end;  // as docs/events.md names it; empty: not known
  std::string live_before, live_after;
  double seconds = 0;
  std::uint64_t bytes = 0;
  std::string error, hint;
};

struct RecordedText {
  std::string host;
  std::string text;
  std::string hint{};
};

struct RunRecord {
  std::string run;
  std::string time;  // when it began
  std::string verb, application, stage, release, revision;
  std::vector<RecordedHost> hosts;
  std::vector<RecordedPhase> phases;
  std::vector<RecordedStep> steps;
  std::vector<RecordedText> warnings;
  std::vector<RecordedText> errors;  // of the run as a whole
  std::vector<std::string> advice;
  std::string outcome;  // empty: the record has no end
  int exit_code = 0;
  double seconds = 0;           // until the end, or the last event
  std::size_t unreadable = 0;   // lines that are no events
};

// Never fails: what isn't understood is counted or ignored.
RunRecord read_record(std::string_view json_lines);

}  // namespace kirikae::ui
