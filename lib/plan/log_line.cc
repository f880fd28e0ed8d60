#include "plan/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

namespace kirikae::plan {

std::string json_time(std::int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

std::string json_line(const LogEntry& entry) {
  nlohmann::ordered_json line = {
      {"time", json_time(entry.time)},
      {"action", entry.action},
      {"application", entry.application},
      {"stage", entry.stage},
      {"release", entry.release},
      {"previous", entry.previous},
      {"revision", entry.revision},
      {"by", entry.by},
      {"result", entry.result},
  };
  if (!entry.detail.empty()) line["detail"] = entry.detail;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string revisions_line(const LogEntry& entry) {
  if (entry.result != "good" || (entry.action != "deploy" && entry.action != "rollback")) return {};
  const std::string user = entry.by.substr(0, entry.by.find('@'));
  if (entry.action == "rollback") return fmt::format("{} rolled back to release {}", user, entry.release);
  return fmt::format("Branch {} (at {}) deployed as release {} by {}", entry.stage, entry.revision, entry.release, user);
}

}  // namespace kirikae::plan
