// What `run` shows: ui::Lines, as whole text.
#include "ui/lines.h"

#include "script.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

Shown shown_by_lines(const Script& script, ui::LinesLook look) {
  Shown shown;
  ui::Lines lines(
      {[&](std::string_view text) { shown.out += text; }, [&](std::string_view text) { shown.err += text; }}, look);
  for (const Event& event : script.events()) lines.show(event);
  return shown;
}

Script three_hosts() {
  Script script;
  script.start("run", {"web1", "web2", "db1"}).begin(Phase::run);
  const auto say = [&](const std::string& host, event::Channel channel, const std::string& line) {
    script.add(event::Output{host, "run", channel, line});
  };
  say("web2", event::Channel::out, "up 3 days");
  say("db1", event::Channel::err, "no such file");
  say("db1", event::Channel::out, "up \x1b[31m1\x1b[0m day\x1b]0;title\x07");
  say("web1", event::Channel::out, "up 3 days");
  script.add(event::Warning{"web1", "slow"});
  script.fail("db1", Phase::run, "run", 0.1, Error(ErrorCode::remote, "the command ended with status 2"));
  script.end(Phase::run, 0.2, 1);
  event::Report report;
  report.verb = "run";
  return script.add(event::RunFinished{report});
}

TEST_CASE("what hosts print comes as lines with the host in front, on the stream that it was printed on") {
  const Shown shown = shown_by_lines(three_hosts(), {});
  CHECK(shown.out == "[web2] up 3 days\n[db1] up 1 day\n[web1] up 3 days\n");
  CHECK(shown.err == "[db1] no such file\n[web1] warning: slow\n");
}

TEST_CASE("grouped, hosts that printed the same share a block, in the recipe's order") {
  const Shown shown = shown_by_lines(three_hosts(), {.grouped = true});
  CHECK(shown.out == "== web[1,2] (2 hosts)\nup 3 days\n== db1\nup 1 day\n");
  CHECK(shown.err == "[web1] warning: slow\n== db1\nno such file\n");
}

TEST_CASE("grouped, no host takes more than a megabyte of memory, and what is left out is said") {
  Script script;
  script.start("run", {"web1", "web2"}).begin(Phase::run);
  const std::string line(1000, 'x');
  for (int i = 0; i < 2000; ++i) script.output("web1", "run", line);
  script.output("web2", "run", "short");
  script.add(event::RunFinished{});
  const Shown shown = shown_by_lines(script, {.grouped = true});
  CHECK(shown.out.size() < (1 << 20) + 200);
  CHECK(
      shown.out.find("\n(and more: a megabyte of each host is kept, 67.1 MB of all; without --group all is shown)\n== web2\nshort\n") !=
      std::string::npos);
}

TEST_CASE("grouped, all hosts together take no more than their share, and each that is cut says so") {
  Script script;
  script.start("run", web(40)).begin(Phase::run);
  for (const auto& host : web(40)) {
    for (int i = 0; i < 10; ++i) script.output(host, "run", host + std::string(1000, 'x'));
  }
  script.add(event::RunFinished{});
  const Shown shown = shown_by_lines(script, {.grouped = true, .most_kept = 100'000});
  CHECK(shown.out.size() < 110'000);
  const std::string note = "(and more: a megabyte of each host is kept, 100.0 kB of all; without --group all is shown)\n";
  CHECK(shown.out.find(std::string(1000, 'x') + "\n" + note + "== web[11-40].example.com (30 hosts)\n" + note) != std::string::npos);
}

TEST_CASE("quiet, only warnings are left of it; verbose, the steps as well") {
  CHECK(shown_by_lines(three_hosts(), {.level = ui::Level::quiet}).out.empty());
  CHECK(shown_by_lines(three_hosts(), {.level = ui::Level::quiet}).err == "[web1] warning: slow\n");
  const Shown shown = shown_by_lines(three_hosts(), {.level = ui::Level::verbose});
  CHECK(shown.out == "[web2] up 3 days\n[db1] up 1 day\n[web1] up 3 days\n");
  CHECK(shown.err.find("run shop on production: 3 hosts") == 0);
  CHECK(shown.err.find("[db1] run: failed in ") != std::string::npos);
}

TEST_CASE("grouped lines of hosts, which stand alone, are no commands to a CI system") {
  Script script;
  script.start("run", {"web1"}).begin(Phase::run);
  script.output("web1", "run", "  ::add-mask::x").output("web1", "run", "plain ##[group]y");
  script.add(event::RunFinished{});
  const auto now = [] { return std::int64_t{0}; };
  CHECK(shown_by_lines(script, {.grouped = true, .groups = ui::CiGroups(ui::Ci::github, now)}).out ==
        "== web1\n  \\x3a:add-mask::x\nplain ##\\x5bgroup]y\n");
}

}  // namespace
}  // namespace kirikae::golden
