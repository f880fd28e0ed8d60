#include "ui/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ui/ending.h"
#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

constexpr double width = 1120;
constexpr double names_width = 190;
constexpr double plot_width = width - names_width - 10;
constexpr double head_height = 42;
constexpr std::size_t many = 60;  // rows from which on they are low

std::string number(double value) { return fmt::format("{:.1f}", value); }

struct Row {
  std::string host;  // empty: this machine
  bool failed = false;
};

std::vector<Row> rows_of(const RunRecord& record) {
  std::vector<Row> rows;
  const auto local = std::ranges::any_of(record.steps, [](const RecordedStep& step) { return step.host.empty(); });
  if (local) rows.push_back({});
  for (const RecordedHost& host : record.hosts) rows.push_back({host.name, !host.error.empty()});
  for (Row& row : rows) {
    for (const RecordedStep& step : record.steps) row.failed = row.failed || (step.host == row.host && step.error);
  }
  return rows;
}

// 1, 2 or 5 times a power of ten, so that there are ten at most.
double tick_of(double total) {
  double tick = std::pow(10, std::floor(std::log10(total / 10)));
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (total / tick > 10) tick *= factor;
  }
  return tick;
}

class Timeline {
 public:
  Timeline(Html& html, const RunRecord& record)
      : html_(html), record_(record), rows_(rows_of(record)), total_(std::max(record.seconds, 0.001)),
        row_height_(rows_.size() > many ? 11 : 20) {
    for (std::size_t i = 0; i < rows_.size(); ++i) index_[rows_[i].host] = i;
  }

  void write() {
    const double height = head_height + row_height_ * static_cast<double>(rows_.size()) + 6;
    html_.open("svg", {{"class", rows_.size() > many ? "timeline low" : "timeline"},
                       {"viewBox", fmt::format("0 0 {} {}", width, number(height))},
                       {"width", number(width)},
                       {"height", number(height)},
                       {"role", "img"},
                       {"aria-label", "what each host did when"}});
    write_scale(height);
    write_phases(height);
    for (std::size_t i = 0; i < rows_.size(); ++i) write_name(rows_[i], i);
    for (const RecordedStep& step : record_.steps) write_step(step);
    html_.close();
  }

 private:
  [[nodiscard]] double x(double seconds) const {
    return names_width + plot_width * std::clamp(seconds / total_, 0.0, 1.0);
  }
  [[nodiscard]] double y(std::size_t row) const { return head_height + row_height_ * static_cast<double>(row); }

  void write_scale(double height) {
    const double tick = tick_of(total_);
    for (int i = 0; static_cast<double>(i) * tick <= total_; ++i) {
      const double seconds = static_cast<double>(i) * tick;
      html_.empty("line", {{"class", "tick"}, {"x1", number(x(seconds))}, {"x2", number(x(seconds))}, {"y1", "14"},
                           {"y2", number(height)}});
      html_.leaf("text", fmt::format("{:g} s", seconds), {{"class", "scale"}, {"x", number(x(seconds))}, {"y", "10"}});
    }
  }

  void write_phases(double height) {
    for (const RecordedPhase& phase : record_.phases) {
      const double from = x(phase.start), to = x(phase.end.value_or(total_));
      html_.open("g");
      html_.leaf("title", fmt::format("{}: {}", phase.name, seconds_text(phase.end.value_or(total_) - phase.start)));
      html_.empty("rect", {{"class", "phase p-" + phase.name}, {"x", number(from)}, {"y", "18"},
                           {"width", number(std::max(to - from, 1.0))}, {"height", "16"}});
      constexpr double letter = 7;
      if (letter * static_cast<double>(phase.name.size()) + 8 < to - from) {
        html_.leaf("text", phase.name, {{"class", "phase-name"}, {"x", number(from + 4)}, {"y", "30"}});
      }
      html_.empty("line", {{"class", "barrier"}, {"x1", number(to)}, {"x2", number(to)}, {"y1", "18"}, {"y2", number(height)}});
      html_.close();
    }
  }

  void write_name(const Row& row, std::size_t index) {
    const bool low = rows_.size() > many;
    const std::string name = row.host.empty() ? "this machine" : sanitize_line(row.host);
    html_.open("text", {{"class", row.failed ? "name bad" : "name"},
                        {"x", number(names_width - 8)},
                        {"y", number(y(index) + row_height_ - (low ? 2.5 : 6))}});
    html_.text((row.failed ? "✗ " : "") + cut(name, low ? 32 : 26)).leaf("title", name).close();
  }

  void write_step(const RecordedStep& step) {
    const auto row = index_.find(step.host);
    if (row == index_.end()) return;
    const double end = step.end.value_or(total_);
    const std::string state = step.error ? " bad" : !step.end ? " open" : "";
    std::string title = fmt::format("{}: {}, {} from {}", step.host.empty() ? "this machine" : step.host, step.step,
                                    seconds_text(end - step.start), seconds_text(step.start));
    if (!step.end) title += ", not ended";
    if (step.error) title += '\n' + *step.error;
    html_.open("rect", {{"class", "step p-" + step.phase + state},
                        {"x", number(x(step.start))},
                        {"y", number(y(row->second) + (row_height_ > 12 ? 3 : 1))},
                        {"width", number(std::max(x(end) - x(step.start), 1.5))},
                        {"height", number(row_height_ - (row_height_ > 12 ? 6 : 2))}});
    html_.leaf("title", title).close();
  }

  Html& html_;
  const RunRecord& record_;
  const std::vector<Row> rows_;
  const double total_;
  const double row_height_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace

void write_timeline(Html& html, const RunRecord& record) {
  Timeline(html, record).write();
  std::set<std::string> told;
  html.open("p", {{"class", "legend"}});
  for (const RecordedPhase& phase : record.phases) {
    if (!told.insert(phase.name).second) continue;
    html.open("span").leaf("i", "", {{"class", "p-" + phase.name}}).text(' ' + phase.name).close().text(" ");
  }
  html.open("span").leaf("i", "", {{"class", "bad"}}).text(" failed").close();
  html.close();
}

}  // namespace kirikae::ui
