// The audit of a stage: what the hosts' log.jsonl say, read back and merged. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/log_line.h"

namespace kirikae::plan {

struct HostLog {
  std::string host;
  std::vector<LogEntry> entries;   // oldest first
  std::size_t unreadable = 0;      // lines that are none of ours
};
// From the end of a log.jsonl. What it says is anybody's who may write there: values are bounded, control characters gone.
HostLog read_log(std::string_view host, std::string_view text);

// The last `lines` entries of all hosts, the newest last; one that several hosts have alike names them all. Of `logs`.
struct MergedEntry {
  const LogEntry* entry;
  std::vector<std::string> hosts;
};
std::vector<MergedEntry> merged(const std::vector<HostLog>& logs, std::size_t lines);

// The same as text and as data, a JSON document.
std::string audit_text(const std::vector<HostLog>& logs, std::size_t lines, std::size_t all_hosts);
std::string audit_json(const std::vector<HostLog>& logs, std::size_t lines);

// The entry that tells how the host came to run what it runs, `live`; none where the log's last switch led elsewhere, or there is none.
std::optional<LogEntry> switch_to(const HostLog& log, std::string_view live);
// What the log's last switch led to; empty where it has none, or led to no release.
std::string last_switched_to(const HostLog& log);

// `2026-11-23 10:00:00 UTC`
std::string time_text(std::int64_t unix_seconds);

}  // namespace kirikae::plan
