#include "ui/ending.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/fold.h"
#include "ui/sanitize.h"
#include "ui/shared_text.h"
#include "ui/table.h"

namespace kirikae::ui {
namespace {

// What stands in a table: the error's first line, without its place and hint.
std::string short_text(const Error& error) {
  Error bare = error;
  bare.host.clear();
  bare.hint.clear();
  bare.span.reset();
  std::string text = to_text(bare);
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with(':')) text.pop_back();
  return sanitize_line(text);
}

std::string painted_outcome(event::Outcome outcome, const Palette& palette) {
  const auto name = outcome == event::Outcome::usage ? "not begun" : event::name_of(outcome);
  return outcome == event::Outcome::done ? palette.good(name) : palette.bad(name);
}

std::string last_line(const event::Report& report, const Palette& palette) {
  std::string text = fmt::format("{}: {} in {}", title_text(report.verb, report.application, report.stage),
                                 painted_outcome(report.outcome, palette), seconds_text(report.seconds));
  if (!report.release.empty()) text += fmt::format(", release {}", report.release);
  return text + '\n';
}

using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t most_rows = 12;  // of a table with a row for each host

std::string sent_text(std::uint64_t bytes) { return bytes == 0 ? "" : size_text(bytes); }

Rows rows_of_all(const std::vector<event::HostReport>& hosts) {
  Rows rows;
  for (const event::HostReport& host : hosts) {
    rows.push_back({sanitize_line(host.host), "", std::string(event::name_of(host.end)), sanitize_line(host.live_after),
                    fmt::format("{:.1f}", host.seconds), sent_text(host.bytes),
                    host.error ? short_text(*host.error) : ""});
  }
  return rows;
}

// Hosts that ended alike.
struct Alike {
  event::HostEnd end;
  std::string release, error, first_error;  // `error`: without the host's name
  std::vector<std::string> names;
  double least = 0, most = 0;  // seconds
  std::uint64_t bytes = 0;
};

// Those with an error stand last, next to what is said of them below; else in the order of their first hosts. Errors
// need the room of the sizes.
Rows folded_rows(const std::vector<event::HostReport>& hosts) {
  std::vector<Alike> all;
  for (const event::HostReport& host : hosts) {
    const std::string error = host.error ? short_text(*host.error) : "", general = without_host(error, host.host);
    auto alike = std::ranges::find_if(all, [&](const Alike& each) {
      return each.end == host.end && each.release == host.live_after && each.error == general;
    });
    if (alike == all.end())
      alike = all.insert(all.end(), {host.end, host.live_after, general, error, {}, host.seconds, host.seconds, 0});
    alike->names.push_back(host.host);
    alike->least = std::min(alike->least, host.seconds);
    alike->most = std::max(alike->most, host.seconds);
    alike->bytes += host.bytes;
  }
  std::ranges::stable_sort(all, [](const Alike& a, const Alike& b) { return a.error.empty() && !b.error.empty(); });
  const bool any_error = std::ranges::any_of(all, [](const Alike& each) { return !each.error.empty(); });
  Rows rows;
  for (const Alike& each : all) {
    const std::string least = fmt::format("{:.1f}", each.least), most = fmt::format("{:.1f}", each.most);
    rows.push_back({names_text(each.names), std::to_string(each.names.size()), std::string(event::name_of(each.end)),
                    sanitize_line(each.release), least == most ? most : least + "-" + most, any_error ? "" : sent_text(each.bytes),
                    each.names.size() > 1 ? said_of_all(each.first_error, each.names.front()) : each.first_error});
  }
  return rows;
}

}  // namespace

std::string title_text(const std::string& verb, const std::string& application, const std::string& stage) {
  const char* towards = verb == "deploy" || verb == "plan" ? "to" : "on";
  const std::string what = application.empty() ? "" : sanitize_line(application) + ' ';
  return fmt::format("{} {}{} {}", sanitize_line(verb), what, towards, sanitize_line(stage));
}

std::string seconds_text(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::llround(seconds);
  return fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

std::string names_text(const std::vector<std::string>& names) {
  constexpr std::size_t longest = 48;
  std::string folded = sanitize_line(fold_names(names));
  if (names.size() < 3 || folded.size() <= longest) return folded;
  return sanitize_line(fmt::format("{} {} ... {} hosts", names[0], names[1], names.size()));
}

std::string end_table(const event::Report& report, std::size_t columns, const Palette& palette) {
  if (report.hosts.empty() || report.outcome == event::Outcome::usage) return last_line(report, palette);
  auto rows = report.hosts.size() > most_rows ? folded_rows(report.hosts) : rows_of_all(report.hosts);
  constexpr std::size_t longest_error = 72;  // where no screen says how long; the whole stands below the table
  for (auto& row : rows) row.back() = columns == 0 ? cut(row.back(), longest_error) : row.back();
  const std::vector<Column> heads = {{"host"},          {"hosts", true}, {"state"}, {"release"},
                                     {"seconds", true}, {"sent", true},  {"error"}};
  return '\n' + table_text(heads, rows, columns) + last_line(report, palette);
}

std::string errors_text(const std::vector<Error>& errors, Ci ci) {
  SharedText shared;
  for (const Error& error : errors) {
    Error bare = error;
    bare.host.clear();
    shared.add(error.host, sanitize_text(to_text(bare)));
  }
  std::string text;
  for (const auto& part : shared.parts()) {
    const std::string error =
        part.hosts.empty() ? part.text : fmt::format("[{}] {}", sanitize_line(fold_names(part.hosts)), part.text);
    const std::string annotated = annotation(ci, "error", error);
    text += annotated.empty() ? fmt::format("error: {}\n", error) : annotated;
  }
  return text;
}

std::string problems_text(const event::Report& report, Ci ci) {
  std::vector<Error> errors = report.errors;
  for (const event::HostReport& host : report.hosts) {
    if (!host.error) continue;
    errors.push_back(*host.error);
    errors.back().host = host.host;
  }
  std::string text = errors_text(errors, ci);
  if (!report.advice.empty()) text += "what to do:\n";
  for (const std::string& command : report.advice) {
    text += without_commands(ci, fmt::format("  {}\n", sanitize_line(command)));
  }
  return text;
}

}  // namespace kirikae::ui
