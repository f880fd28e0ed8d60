#include "plan/audit.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/fold.h"

#include "plan/columns.h"

namespace kirikae::plan {
namespace {

constexpr std::size_t longest_value = 300;

// `2026-11-23T10:00:00Z`, strictly.
std::optional<std::int64_t> read_time(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != shape.size()) return std::nullopt;
  std::array<int, 6> numbers{};
  std::size_t part = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 'd') {
      if (text[i] != shape[i]) return std::nullopt;
      ++part;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    numbers[part] = numbers[part] * 10 + (text[i] - '0');
  }
  std::tm time{};
  time.tm_year = numbers[0] - 1900;
  time.tm_mon = numbers[1] - 1;
  time.tm_mday = numbers[2];
  time.tm_hour = numbers[3];
  time.tm_min = numbers[4];
  time.tm_sec = numbers[5];
  return static_cast<std::int64_t>(::timegm(&time));
}

// One line of at most longest_value bytes, cut between characters.
std::string tamed(std::string text) {
  if (text.size() > longest_value) {
    std::size_t end = longest_value;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::optional<LogEntry> read_entry(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  bool sound = true;
  const auto value = [&](const char* key) {
    const auto at = json.find(key);
    if (at == json.end()) return std::string();
    if (!at->is_string()) sound = false;
    return at->is_string() ? tamed(at->get<std::string>()) : std::string();
  };
  LogEntry entry;
  const auto time = read_time(value("time"));
  entry.action = value("action");
  entry.application = value("application");
  entry.stage = value("stage");
  entry.release = value("release");
  entry.previous = value("previous");
  entry.revision = value("revision");
  entry.by = value("by");
  entry.result = value("result");
  entry.detail = value("detail");
  if (!sound || !time || entry.action.empty()) return std::nullopt;
  entry.time = *time;
  return entry;
}

// Where the entry led, if it was a switch.
std::optional<std::string> led_to(const LogEntry& entry) {
  if (entry.action != "deploy" && entry.action != "rollback") return std::nullopt;
  if (entry.result == "good") return entry.release;
  if (entry.result == "undone") return entry.previous;
  return std::nullopt;
}

const LogEntry* last_switch(const HostLog& log) {
  const auto last = std::find_if(log.entries.rbegin(), log.entries.rend(), [](const LogEntry& entry) { return led_to(entry).has_value(); });
  return last == log.entries.rend() ? nullptr : &*last;
}

// What of entries is compared: hosts that differ in what they ran before still were in the same run.
auto key_of(const LogEntry& entry) {
  return std::tie(entry.time, entry.action, entry.release, entry.result, entry.by, entry.revision, entry.detail, entry.application,
                  entry.stage);
}

}  // namespace

std::string time_text(std::int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

HostLog read_log(std::string_view host, std::string_view text) {
  HostLog log{std::string(host), {}, 0};
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    auto entry = read_entry(line);
    if (!entry) {
      ++log.unreadable;
      // A full disk has torn a line, and the next one has come behind it: nothing inside of one begins so.
      if (const auto next = line.rfind(R"({"time":)"); next != std::string_view::npos && next > 0) entry = read_entry(line.substr(next));
    }
    if (entry) log.entries.push_back(*std::move(entry));
  }
  return log;
}

std::vector<MergedEntry> merged(const std::vector<HostLog>& logs, std::size_t lines) {
  std::vector<MergedEntry> all;
  std::map<decltype(key_of(std::declval<const LogEntry&>())), std::size_t> known;
  for (const HostLog& log : logs) {
    for (const LogEntry& entry : log.entries) {
      const auto [at, is_new] = known.emplace(key_of(entry), all.size());
      if (is_new) all.push_back({&entry, {}});
      auto& hosts = all[at->second].hosts;
      if (hosts.empty() || hosts.back() != log.host) hosts.push_back(log.host);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.entry->time < b.entry->time; });
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(lines));
  return all;
}

std::string audit_text(const std::vector<HostLog>& logs, std::size_t lines, std::size_t all_hosts) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [entry, hosts] : merged(logs, lines)) {
    rows.push_back({time_text(entry->time), entry->action, entry->result, entry->release, short_revision(entry->revision), entry->by,
                    where_text(hosts, all_hosts), entry->detail});
  }
  if (rows.empty()) return "nothing is logged\n";
  return in_columns({"time", "action", "result", "release", "revision", "by", "where", "detail"}, rows);
}

std::optional<LogEntry> switch_to(const HostLog& log, std::string_view live) {
  const LogEntry* last = last_switch(log);
  if (last == nullptr || *led_to(*last) != live) return std::nullopt;
  return *last;
}

std::string last_switched_to(const HostLog& log) {
  const LogEntry* last = last_switch(log);
  return last == nullptr ? std::string() : *led_to(*last);
}

}  // namespace kirikae::plan
