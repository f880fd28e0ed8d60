#include "ui/report.h"

#include <regex>

#include "support/catch.h"
#include "ui/html.h"
#include "ui/json.h"

namespace kirikae::ui {
namespace {

using event::Event;
using event::Phase;

std::string recorded(const std::vector<Event>& events) {
  std::string text;
  Json json([&](std::string_view line) { text += line; }, {"20261122-013000-4f2a91", [] { return 1795311000.0; }});
  for (const Event& event : events) json.show(event);
  return text;
}

event::HostReport host_report(const std::string& host, event::HostEnd end, double seconds) {
  return {host, end, "20261121090000", "20261122013000", seconds, 4096, std::nullopt};
}

// A deploy to two hosts; a task fails on the second.
std::vector<Event> failing(const std::string& said = "no compiler here") {
  const Error failure(ErrorCode::remote, "task 'build' ended with status 3", "look at " + said);
  event::Report report;
  report.verb = "deploy";
  report.application = "shop";
  report.stage = "production";
  report.release = "20261122013000";
  report.outcome = event::Outcome::failed;
  report.seconds = 4;
  report.hosts = {host_report("web1", event::HostEnd::unchanged, 1), host_report("web2", event::HostEnd::unchanged, 3)};
  report.hosts[1].error = failure;
  report.advice = {"ssh web2 " + said};
  return {{0, event::RunStarted{"deploy", "shop", "production", {{"web1", {"app"}}, {"web2", {"app", "db"}}}}},
          {0.5, event::ReleaseChosen{"20261122013000", "4f2a91c"}},
          {1, event::PhaseStarted{Phase::build, {"web1", "web2"}}},
          {1, event::StepStarted{"web1", Phase::build, "task build"}},
          {1, event::StepStarted{"web2", Phase::build, "task build"}},
          {2, event::Output{"web1", "task build", event::Channel::out, "fine on web1"}},
          {2, event::StepFinished{"web1", Phase::build, "task build", 1, std::nullopt}},
          {3, event::Output{"web2", "task build", event::Channel::err, said}},
          {4, event::StepFinished{"web2", Phase::build, "task build", 3, Error(failure).on("web2")}},
          {4, event::PhaseFinished{Phase::build, 3, 1}},
          {4, event::Warning{"web1", "odd " + said}},
          {4, event::RunFinished{report}}};
}

std::string page(const std::vector<Event>& events, Unended unended = Unended::died) {
  return report_html(read_record(recorded(events)), unended);
}

// Every element is closed in its turn, no attribute is unquoted, and no other elements stand there than those that we write.
void check_well_formed(const std::string& html) {
  const std::regex tag(R"(<(/?)([a-z0-9]+)((?: [a-zA-Z0-9-]+="[^"<>]*")*)(/?)>|<)");
  std::vector<std::string> open;
  const std::string body = html.substr(std::string("<!DOCTYPE html>\n").size());
  for (std::sregex_iterator match(body.begin(), body.end(), tag), end; match != end; ++match) {
    INFO(body.substr(static_cast<std::size_t>(match->position()), 80));
    REQUIRE(match->str() != "<");
    if ((*match)[4] == "/") {  // HTML knows few elements without an end
      const std::string name = (*match)[2];
      CHECK((name == "meta" || name == "line" || name == "rect"));
      continue;
    }
    if ((*match)[1] == "/") {
      REQUIRE(!open.empty());
      CHECK(open.back() == (*match)[2]);
      open.pop_back();
    } else {
      open.push_back((*match)[2]);
    }
  }
  CHECK(open.empty());
}

}  // namespace

TEST_CASE("a report has what a person looks for") {
  const std::string html = page(failing());
  check_well_formed(html);
  CHECK(html.contains("<title>deploy shop to production: failed</title>"));
  CHECK(html.contains("release 20261122013000, revision 4f2a91c · run 20261122-013000-4f2a91, begun 2026-11-22T01:30:00.000Z"));
  CHECK(html.contains("<h2>What to do</h2><pre>ssh web2 no compiler here\n</pre>"));
  CHECK(html.contains("<h3>build, task build: output of web2</h3><pre>no compiler here\n</pre>"));
  CHECK_FALSE(html.contains("fine on web1"));  // its step went well
  CHECK(html.contains("<title>web2: task build, 3.0 s from 1.0 s\ntask &#39;build&#39; ended with status 3</title>"));
  CHECK(html.contains("class=\"step p-build bad\""));
  CHECK(html.contains("<b>web1</b>: odd no compiler here"));
  CHECK(html.contains("<dt>exit code</dt><dd>1</dd>"));
  CHECK(html.contains("<dt>sent</dt><dd>8.2 kB</dd>"));
  CHECK(html.find(">web2</td>", html.find("Slowest hosts")) < html.find(">web1</td>", html.find("Slowest hosts")));
}

TEST_CASE("nothing in a report is loaded, and nothing runs") {
  const std::string html = page(failing("<script>alert(1)</script>"));
  CHECK(html.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\""));
  for (const char* part : {"<script", "src=", "href=", "url(", "@import", "javascript:", "onload"}) {
    CAPTURE(part);
    CHECK_FALSE(html.contains(part));
  }
}

TEST_CASE("whatever hosts say is text in a report") {
  const std::string hostile = "</pre></style>\"'><img src=x onerror=alert(1)> & \x1b[2J \x01 \xe2\x80\xae";
  auto events = failing(hostile);
  events[0].what = event::RunStarted{"deploy<b>", "shop\"<i>", "production'", {{"web1<x y=\"z\">", {"<role>"}}, {"web2", {}}}};
  const std::string html = page(events);
  check_well_formed(html);
  CHECK_FALSE(html.contains("<img"));
  CHECK_FALSE(html.contains("<role>"));
  CHECK(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp;"));
  CHECK(html.find_first_of("\x1b\x01") == std::string::npos);
  CHECK_FALSE(html.contains("\xe2\x80\xae"));
}

TEST_CASE("a run that was killed is told as far as its record goes") {
  std::string record = recorded(failing());
  record.resize(record.find("\"event\":\"step_finished\",\"at\":4") + 20);  // in the midst of a line
  const RunRecord killed = read_record(record);
  CHECK(killed.outcome.empty());
  CHECK(killed.unreadable == 1);
  CHECK(killed.seconds == 3);
  CHECK(outcome_text(killed, Unended::under_way) == "under way");
  const std::string html = report_html(killed, Unended::died);
  check_well_formed(html);
  CHECK(html.contains(">ended without a word</span>"));
  CHECK(html.contains("<h2>Failures</h2>"));
  CHECK(report_html(killed, Unended::under_way).contains("<h2>Failures and steps under way</h2>"));
  CHECK(html.contains("<h3>build, task build (not ended): output of web2</h3><pre>no compiler here\n</pre>"));
  CHECK(html.contains("class=\"step p-build open\""));
}

TEST_CASE("what isn't a record is an empty one") {
  for (const char* text : {"", "\n\n", "hello", "[1]", "{}", "{\"event\":1}", "{\"event\":\"run_started\",\"hosts\":{\"a\":[1]}",
                           "{\"event\":\"run_started\",\"hosts\":[1,{\"name\":3}],\"at\":\"x\"}",
                           "{\"event\":\"run_finished\",\"hosts\":[{\"error\":3},[]],\"errors\":[\"x\"],\"advice\":[1]}",
                           "{\"event\":\"step_finished\"}\n{\"event\":\"phase_finished\"}\n{\"event\":\"omitted\",\"lines\":-1}",
                           "{\"event\":\"step_started\",\"at\":-5}\n{\"event\":\"step_finished\",\"seconds\":1e308,\"at\":1e300}"}) {
    CAPTURE(text);
    check_well_formed(report_html(read_record(text), Unended::died));
  }
}

TEST_CASE("what 200 hosts say alike is told once, and each has its row") {
  std::vector<Event> events = {{0, event::RunStarted{"deploy", "shop", "production", {}}}, {0, event::PhaseStarted{Phase::build, {}}}};
  event::Report report;
  report.outcome = event::Outcome::failed;
  for (int i = 1; i <= 200; ++i) {
    const std::string host = "web" + std::to_string(i);
    const Error failure(ErrorCode::remote, "no room on '" + host + "'");
    std::get<event::RunStarted>(events[0].what).hosts.push_back({host, {}});
    events.push_back({1, event::StepStarted{host, Phase::build, "task build"}});
    events.push_back({2, event::Output{host, "task build", event::Channel::out, "no room left"}});
    events.push_back({3, event::StepFinished{host, Phase::build, "task build", 2, failure}});
    report.hosts.push_back(host_report(host, event::HostEnd::unchanged, 2));
    report.hosts.back().error = failure;
  }
  events.push_back({4, event::RunFinished{report}});
  const std::string html = page(events);
  CHECK(html.contains("<h3>web[1-200] (200 hosts)</h3><p>no room on the host</p>"));
  CHECK(html.contains("<h3>build, task build: output of web[1-200]</h3><pre>no room left\n</pre>"));
  CHECK(html.contains("<details><summary>all 200 hosts</summary>"));
  std::size_t bars = 0;
  for (std::size_t at = 0; (at = html.find("class=\"step p-build bad\"", at)) != std::string::npos; ++at) ++bars;
  CHECK(bars == 200);
}

TEST_CASE("markup can be neither text nor attribute") {
  Html html;
  html.open("p", {{"title", "a\"b<c>'&"}}).text("<b>&amp;\n</b>").empty("br").leaf("i", "'");
  CHECK(html.take() == "<p title=\"a&quot;b&lt;c&gt;&#39;&amp;\">&lt;b&gt;&amp;amp;\n&lt;/b&gt;<br/><i>&#39;</i></p>");
}

}  // namespace kirikae::ui
