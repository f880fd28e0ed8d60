// The audit lines that a run leaves on each host.
#pragma once

#include <cstdint>
#include <string>

namespace kirikae::plan {

struct LogEntry {
  std::int64_t time = 0;  // unix seconds, the operator's clock
  std::string action;     // deploy | rollback | prune | lock | unlock | task
  std::string application;
  std::string stage;
  std::string release;
  std::string previous;  // empty: none
  std::string revision;
  std::string by;      // user@machine
  std::string result;  // good | failed | undone | interrupted
  std::string detail{};  // of a lock: why; of a prune: the releases; of a task: its name; of an undo: `tasks_missing`, or nothing; else empty
};
// The tasks of a way back that have failed on that host, where the link is back.
inline constexpr const char* tasks_missing = "its after_publish tasks have failed";

// `2026-11-23T10:00:00Z`
std::string json_time(std::int64_t unix_seconds);

// One line of JSON, without newline; text that is no UTF-8 is replaced.
std::string json_line(const LogEntry& entry);

// The line for revisions.log, as Capistrano writes it; no newline. Empty for what is no deploy or rollback that went well.
std::string revisions_line(const LogEntry& entry);

}  // namespace kirikae::plan
