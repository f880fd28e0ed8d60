// The audit lines that a run leaves on each host.
#pragma once

#include <cstdint>
#include <string>

namespace kirikae::plan {

struct LogEntry {
  std::int64_t time = 0;  // unix seconds, the operator's clock
  std::string action;     // deploy | rollback | task
  std::string application;
  std::string stage;
  std::string release;
  std::string previous;  // empty: none
  std::string revision;
  std::string by;      // user@machine
  std::string result;  // good | failed | undone
};
// One line of JSON, without newline; text that is no UTF-8 is replaced. `task`: of the action `task`, which one.
std::string json_line(const LogEntry& entry, const std::string& task = {});

// The line for revisions.log, as Capistrano writes it; no newline.
std::string revisions_line(const LogEntry& entry);

}  // namespace kirikae::plan
