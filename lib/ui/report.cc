#include "ui/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "core/fold.h"
#include "ui/ending.h"
#include "ui/html.h"
#include "ui/shared_text.h"
#include "ui/timeline.h"

namespace kirikae::ui {
namespace {

std::string spaced(std::string word) {
  std::ranges::replace(word, '_', ' ');
  return word;
}

std::string title_of(const RunRecord& record) {
  if (record.stage.empty()) return record.verb.empty() ? "a run" : record.verb;
  return title_text(record.verb, record.application, record.stage);
}

std::string names_of(const std::vector<std::string>& hosts) { return hosts.empty() ? "this machine" : fold_names(hosts); }

void write_head(Html& html, const RunRecord& record, Unended unended) {
  const std::string kind = record.outcome == "done" ? "badge good" : record.outcome.empty() ? "badge warn" : "badge";
  html.open("h1").text(title_of(record)).text(" ").leaf("span", outcome_text(record, unended), {{"class", kind}}).close();
  std::string about;
  if (!record.release.empty()) about += "release " + record.release;
  if (!record.revision.empty()) about += ", revision " + record.revision;
  html.leaf("p", fmt::format("{}{}run {}, begun {}", about, about.empty() ? "" : " · ", record.run, record.time), {{"class", "about"}});
  if (record.outcome.empty() && unended == Unended::died) {
    html.leaf("p", "The record ends without a word: the program was killed, or its machine stopped. Where the hosts stand, "
                   "'deploy status STAGE' shows.", {{"class", "warn"}});
  }
}

void write_total(Html& html, std::string_view name, const std::string& value) {
  html.open("div").leaf("dt", name).leaf("dd", value).close();
}

// What the run says of each host at its end; of a run without an end, the sum of the host's steps.
std::map<std::string, double> busy_seconds(const RunRecord& record) {
  std::map<std::string, double> busy;
  if (record.outcome.empty()) {
    for (const RecordedStep& step : record.steps) busy[step.host] += step.end.value_or(record.seconds) - step.start;
  } else {
    for (const RecordedHost& host : record.hosts) busy[host.name] = host.seconds;
  }
  return busy;
}

void write_totals(Html& html, const RunRecord& record) {
  const auto failed = std::ranges::count_if(record.hosts, [](const RecordedHost& host) { return !host.error.empty(); });
  const auto switched = std::ranges::count_if(record.hosts, [](const RecordedHost& host) { return host.end == "switched"; });
  std::uint64_t bytes = 0;
  double seconds = 0;
  auto busy = busy_seconds(record);
  for (const RecordedHost& host : record.hosts) {
    bytes += host.bytes;
    seconds += busy[host.name];
  }
  html.open("dl", {{"class", "totals"}});
  write_total(html, "time", seconds_text(record.seconds));
  write_total(html, "hosts", std::to_string(record.hosts.size()));
  write_total(html, "switched", std::to_string(switched));
  write_total(html, "failed", std::to_string(failed));
  write_total(html, "steps", std::to_string(record.steps.size()));
  write_total(html, "sent", size_text(bytes));
  write_total(html, "time of all hosts", seconds_text(seconds));
  if (!record.outcome.empty()) write_total(html, "exit code", std::to_string(record.exit_code));
  html.close();
}

void write_advice(Html& html, const RunRecord& record) {
  if (record.advice.empty()) return;
  html.leaf("h2", "What to do");
  std::string commands;
  for (const std::string& command : record.advice) commands += command + '\n';
  html.leaf("pre", commands);
}

// What hosts say alike is told once, as everywhere else.
void write_errors(Html& html, const RunRecord& record) {
  SharedText shared;
  for (const RecordedText& error : record.errors) shared.add(error.host, error.text + (error.hint.empty() ? "" : '\n' + error.hint));
  for (const RecordedHost& host : record.hosts) {
    if (!host.error.empty()) shared.add(host.name, host.error + (host.hint.empty() ? "" : '\n' + host.hint));
  }
  for (const auto& part : shared.parts()) {
    html.open("section", {{"class", "failure"}});
    if (!part.hosts.empty()) {
      html.leaf("h3", fold_names(part.hosts) + (part.hosts.size() > 1 ? fmt::format(" ({} hosts)", part.hosts.size()) : ""));
    }
    html.leaf("p", part.text).close();
  }
}

struct Outputs {
  std::string heading, text;
  std::vector<std::string> hosts;
};

// Of steps that failed or never ended; the same output of several hosts is one.
std::vector<Outputs> outputs_of(const RunRecord& record) {
  std::map<std::string, SharedText> by_step;
  for (const RecordedStep& step : record.steps) {
    if (step.output.empty()) continue;
    std::string text = step.omitted > 0 ? fmt::format("({} lines before these are not shown)\n", step.omitted) : "";
    for (const std::string& line : step.output) text += line + '\n';
    by_step[fmt::format("{}, {}{}", step.phase, step.step, step.error ? "" : " (not ended)")].add(step.host, text);
  }
  std::vector<Outputs> all;
  for (const auto& [heading, shared] : by_step) {
    for (const auto& part : shared.parts()) all.push_back({heading, part.text, part.hosts});
  }
  return all;
}

void write_failures(Html& html, const RunRecord& record, Unended unended) {
  constexpr std::size_t most = 50;
  const auto outputs = outputs_of(record);
  const bool any_error = !record.errors.empty() ||
                         std::ranges::any_of(record.hosts, [](const RecordedHost& host) { return !host.error.empty(); });
  if (!any_error && outputs.empty()) return;
  html.leaf("h2", record.outcome.empty() && unended == Unended::under_way ? "Failures and steps under way" : "Failures");
  write_errors(html, record);
  for (std::size_t i = 0; i < std::min(most, outputs.size()); ++i) {
    html.open("section", {{"class", "failure"}});
    html.leaf("h3", fmt::format("{}: output of {}", outputs[i].heading, names_of(outputs[i].hosts)));
    html.leaf("pre", outputs[i].text).close();
  }
  if (outputs.size() > most) {
    html.leaf("p", fmt::format("{} more outputs are not shown.", outputs.size() - most), {{"class", "faint"}});
  }
}

void write_warnings(Html& html, const RunRecord& record) {
  if (record.warnings.empty()) return;
  SharedText shared;
  for (const RecordedText& warning : record.warnings) shared.add(warning.host, warning.text);
  html.leaf("h2", "Warnings").open("ul");
  for (const auto& part : shared.parts()) {
    html.open("li");
    if (!part.hosts.empty()) html.leaf("b", fold_names(part.hosts)).text(": ");
    html.text(part.text).close();
  }
  html.close();
}

std::vector<std::pair<double, const RecordedHost*>> by_seconds(const RunRecord& record) {
  auto busy = busy_seconds(record);
  std::vector<std::pair<double, const RecordedHost*>> hosts;
  for (const RecordedHost& host : record.hosts) hosts.emplace_back(busy[host.name], &host);
  std::ranges::stable_sort(hosts, [](const auto& a, const auto& b) { return a.first > b.first; });
  return hosts;
}

const RecordedStep* slowest_step(const RunRecord& record, const std::string& host, const std::string& phase = {}) {
  const RecordedStep* slowest = nullptr;
  const auto length = [&](const RecordedStep& step) { return step.end.value_or(record.seconds) - step.start; };
  for (const RecordedStep& step : record.steps) {
    if ((!host.empty() && step.host != host) || (!phase.empty() && step.phase != phase)) continue;
    if (slowest == nullptr || length(step) > length(*slowest)) slowest = &step;
  }
  return slowest;
}

void head_row(Html& html, std::initializer_list<std::string_view> names) {
  html.open("thead").open("tr");
  for (const std::string_view name : names) {
    const bool is_number = name == "seconds" || name == "sent" || name == "hosts" || name == "failed" || name == "begins";
    html.leaf("th", name, {{"class", is_number ? "number" : "name"}});
  }
  html.close().close().open("tbody");
}

void write_slowest(Html& html, const RunRecord& record) {
  constexpr std::size_t most = 10;
  const auto hosts = by_seconds(record);
  if (hosts.size() < 2 || hosts.front().first <= 0) return;
  html.leaf("h2", "Slowest hosts").open("table");
  head_row(html, {"host", "seconds", "", "longest step"});
  for (std::size_t i = 0; i < std::min(most, hosts.size()); ++i) {
    const auto& [seconds, host] = hosts[i];
    const RecordedStep* step = slowest_step(record, host->name);
    html.open("tr").leaf("td", host->name, {{"class", "host"}});
    html.leaf("td", fmt::format("{:.2f}", seconds), {{"class", "number"}});
    html.open("td", {{"class", "bar"}}).open("svg", {{"viewBox", "0 0 100 12"}, {"preserveAspectRatio", "none"}, {"aria-hidden", "true"}});
    html.empty("rect", {{"class", "bar-fill"}, {"width", fmt::format("{:.1f}", 100 * seconds / hosts.front().first)}, {"height", "12"}});
    html.close().close();
    html.leaf("td", step == nullptr ? "" : fmt::format("{}, {}", step->step, seconds_text(step->end.value_or(record.seconds) - step->start)));
    html.close();
  }
  html.close().close();
}

void write_phases(Html& html, const RunRecord& record) {
  if (record.phases.empty()) return;
  html.leaf("h2", "Phases").open("table");
  head_row(html, {"phase", "begins", "seconds", "hosts", "failed", "longest step"});
  for (const RecordedPhase& phase : record.phases) {
    const RecordedStep* step = slowest_step(record, {}, phase.name);
    html.open("tr").leaf("td", phase.name);
    html.leaf("td", fmt::format("{:.2f}", phase.start), {{"class", "number"}});
    html.leaf("td", fmt::format("{:.2f}", phase.end.value_or(record.seconds) - phase.start), {{"class", "number"}});
    html.leaf("td", std::to_string(phase.hosts), {{"class", "number"}});
    html.leaf("td", phase.failed_hosts == 0 ? "" : std::to_string(phase.failed_hosts), {{"class", "number bad"}});
    html.leaf("td", step == nullptr ? ""
                                    : fmt::format("{} on {}, {}", step->step, step->host.empty() ? "this machine" : step->host,
                                                  seconds_text(step->end.value_or(record.seconds) - step->start)),
              {{"class", "long"}});
    html.close();
  }
  html.close().close();
}

void write_hosts(Html& html, const RunRecord& record) {
  if (record.hosts.empty()) return;
  constexpr std::size_t few = 30;
  html.leaf("h2", "Hosts");
  const bool folded = record.hosts.size() > few;
  if (folded) html.open("details").leaf("summary", fmt::format("all {} hosts", record.hosts.size()));
  html.open("div", {{"class", "wide"}}).open("table");
  auto busy = busy_seconds(record);
  head_row(html, {"host", "roles", "state", "ran", "runs", "seconds", "sent", "error"});
  for (const RecordedHost& host : record.hosts) {
    html.open("tr").leaf("td", host.name, {{"class", "host"}});
    const auto roles = std::accumulate(host.roles.begin(), host.roles.end(), std::string(),
                                       [](std::string all, const std::string& role) { return all + (all.empty() ? "" : ", ") + role; });
    html.leaf("td", roles);
    html.leaf("td", spaced(host.end), {{"class", host.end == "switched" || host.end == "already" ? "good" : host.error.empty() ? "" : "bad"}});
    html.leaf("td", host.live_before).leaf("td", host.live_after);
    html.leaf("td", fmt::format("{:.2f}", busy[host.name]), {{"class", "number"}});
    html.leaf("td", host.bytes == 0 ? "" : size_text(host.bytes), {{"class", "number"}});
    html.leaf("td", host.error, {{"class", "long bad"}}).close();
  }
  html.close().close().close();
  if (folded) html.close();
}

}  // namespace

std::string outcome_text(const RunRecord& record, Unended unended) {
  if (record.outcome.empty()) return unended == Unended::under_way ? "under way" : "ended without a word";
  return spaced(record.outcome);
}

// Nothing is loaded from anywhere, nothing runs: the policy forbids what a mistake of ours would let in.
std::string report_html(const RunRecord& record, Unended unended) {
  Html html;
  html.open("html", {{"lang", "en"}, {"xmlns", "http://www.w3.org/1999/xhtml"}}).open("head");
  html.empty("meta", {{"charset", "utf-8"}});
  html.empty("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  html.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.leaf("title", fmt::format("{}: {}", title_of(record), outcome_text(record, unended)));
  html.style(report_style()).close().open("body");
  write_head(html, record, unended);
  write_totals(html, record);
  write_advice(html, record);
  write_failures(html, record, unended);
  if (!record.steps.empty()) {
    html.leaf("h2", "Timeline").open("div", {{"class", "wide"}});
    write_timeline(html, record);
    html.close();
  }
  write_phases(html, record);
  write_slowest(html, record);
  write_hosts(html, record);
  write_warnings(html, record);
  if (record.unreadable > 0) {
    html.leaf("p", fmt::format("{} lines of the record could not be read.", record.unreadable), {{"class", "faint"}});
  }
  return "<!DOCTYPE html>\n" + html.take() + '\n';
}

}  // namespace kirikae::ui
