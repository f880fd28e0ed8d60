#include "plan/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

namespace kirikae::plan {
namespace {

std::string user_of(const std::string& by) { return by.substr(0, by.find('@')); }

}  // namespace

std::string json_line(const LogEntry& entry) {
  const nlohmann::ordered_json line = {
      {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(entry.time)))},
      {"action", entry.action},
      {"application", entry.application},
      {"stage", entry.stage},
      {"release", entry.release},
      {"previous", entry.previous},
      {"revision", entry.revision},
      {"by", entry.by},
      {"result", entry.result},
  };
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string deployed_line(const LogEntry& entry) {
  return fmt::format("Branch {} (at {}) deployed as release {} by {}", entry.stage,
                     entry.revision.empty() ? "unknown" : entry.revision, entry.release, user_of(entry.by));
}

std::string rolled_back_line(const LogEntry& entry) {
  return fmt::format("{} rolled back to release {}", user_of(entry.by), entry.release);
}

}  // namespace kirikae::plan
