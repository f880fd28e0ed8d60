#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "release/release.h"

namespace kirikae::release {

namespace {

constexpr std::size_t id_length = 14;
// 9999-12-31 23:59:59: what comes after has no 14 digits.
constexpr std::int64_t last_second = 253402300799;

// Nothing where the digits are no date.
std::optional<std::int64_t> seconds_of(std::string_view id) {
  const auto part = [&](std::size_t from, std::size_t length) {
    int number = 0;
    for (const char c : id.substr(from, length)) number = number * 10 + (c - '0');
    return number;
  };
  const std::chrono::year_month_day date{std::chrono::year(part(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(part(4, 2))),
                                         std::chrono::day(static_cast<unsigned>(part(6, 2)))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + part(8, 2)) * 60 + part(10, 2)) * 60 + part(12, 2);
}

// The next number of as many digits, for an id that is no date.
std::string counted_up(std::string_view id) {
  std::string next(id);
  for (auto digit = next.rbegin(); digit != next.rend(); ++digit) {
    if (*digit != '9') {
      ++*digit;
      break;
    }
    *digit = '0';
  }
  return next;
}

}  // namespace

bool is_release_id(std::string_view text) {
  return text.size() == id_length && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string release_id_at(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds at{std::chrono::seconds(std::clamp<std::int64_t>(unix_seconds, 0, last_second))};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::string next_release_id(std::int64_t now_unix_seconds, std::string_view newest) {
  const auto by_clock = release_id_at(now_unix_seconds);
  if (!is_release_id(newest) || by_clock > newest) return by_clock;
  const auto seconds = seconds_of(newest);
  const auto by_newest = seconds ? release_id_at(*seconds + 1) : std::string();
  return by_newest > newest ? by_newest : counted_up(newest);
}

}  // namespace kirikae::release
