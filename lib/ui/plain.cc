#include "ui/plain.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/fold.h"
#include "ui/ending.h"
#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

std::string plural(std::size_t count) { return fmt::format("{} host{}", count, count == 1 ? "" : "s"); }

// An output line's end that no screen has room for.
std::string shortened(const std::string& text, std::size_t longest) {
  if (longest == 0 || display_width(text) <= longest) return text;
  return cut(text, longest) + fmt::format(" ({} bytes in all)", text.size());
}

}  // namespace

void Plain::show(const event::Event& event) {
  std::visit([this](const auto& what) { on(what); }, event.what);
}

void Plain::set_widths(std::size_t longest_line, std::size_t table_width) {
  look_.longest_line = longest_line;
  look_.table_width = table_width;
}

bool Plain::chatty() const { return look_.level == Level::verbose || (look_.level == Level::normal && !look_.reading); }

void Plain::say(const std::string& text) { streams_.out(without_commands(look_.groups.ci(), text)); }

void Plain::line(const std::string& hosts, const std::string& text) {
  say(fmt::format("{} {}\n", look_.palette.faint('[' + (hosts.empty() ? "local" : sanitize_line(hosts)) + ']'), text));
}

void Plain::on(const event::RunStarted& e) {
  if (!chatty()) return;
  std::vector<std::string> names;
  for (const auto& host : e.hosts) names.push_back(host.name);
  const std::string title = title_text(e.verb, e.application, e.stage);
  if (names.empty()) return say(title + '\n');  // a task that no selected host runs
  say(fmt::format("{}: {} ({})\n", title, plural(names.size()), names_text(names)));
}

void Plain::on(const event::ReleaseChosen& e) {
  if (!chatty()) return;
  const std::string revision = e.revision.empty() ? "" : fmt::format(", revision {}", sanitize_line(short_revision(e.revision)));
  say(fmt::format("release {}{}\n", sanitize_line(e.release), revision));
}

void Plain::on(const event::PhaseStarted& e) {
  phase_ = PhaseState{e.phase, e.hosts, {}};
  if (!chatty()) return;
  streams_.out(look_.groups.begin(fmt::format(
      "{}: {}", event::name_of(e.phase), e.hosts.empty() ? "on this machine" : plural(e.hosts.size()))));
}

// "done" is said of hosts only where all went well: after a failure the others may have stopped half-way. What has failed is
// never folded away.
void Plain::on(const event::PhaseFinished& e) {
  if (!phase_) return;
  const PhaseState phase = std::move(*phase_);
  phase_.reset();
  const std::string name(event::name_of(e.phase));
  if (!phase.failures.parts().empty() || e.failed_hosts > 0) {
    streams_.out(look_.groups.end());
    show_failures(phase);
    if (e.failed_hosts > 0 && (chatty() || !look_.reading)) {
      say(fmt::format("{}: {} {} in {}\n", name, plural(static_cast<std::size_t>(e.failed_hosts)),
                               look_.palette.bad("failed"), seconds_text(e.seconds)));
    }
    return;
  }
  if (!chatty()) return;
  line(names_text(phase.hosts), fmt::format("{}: {} in {}", name, look_.palette.good("done"), seconds_text(e.seconds)));
  streams_.out(look_.groups.end());
}

void Plain::show_failures(const PhaseState& phase) {
  if (look_.reading && !chatty()) return;  // the report names them all
  for (const auto& part : phase.failures.parts())
    line(sanitize_line(fold_names(part.hosts)), fmt::format("{}: {}", look_.palette.bad("failed"), part.text));
}

void Plain::on(const event::HostState& e) {
  if (look_.level == Level::verbose) line(e.host, sanitize_line(e.text));
}

void Plain::on(const event::StepStarted& e) {
  if (look_.level == Level::verbose) line(e.host, fmt::format("{}: started", sanitize_line(e.step)));
}

void Plain::on(const event::StepFinished& e) {
  if (e.error && phase_) {
    Error bare = *e.error;
    bare.host.clear();
    bare.hint.clear();
    const std::string text = sanitize_text(to_text(bare)), step = sanitize_line(e.step);
    phase_->failures.add(e.host, text.starts_with(step) ? text : fmt::format("{}: {}", step, text));
  }
  if (look_.level != Level::verbose) return;
  line(e.host,
       fmt::format("{}: {} in {}", sanitize_line(e.step),
                   e.error ? look_.palette.bad("failed") : look_.palette.good("done"), seconds_text(e.seconds)));
}

void Plain::on(const event::Output& e) {
  show_output(e.host.empty() ? std::vector<std::string>() : std::vector{e.host}, e.line);
}

void Plain::show_output(const std::vector<std::string>& hosts, const std::string& text) {
  if (!chatty()) return;
  line(names_text(hosts), shortened(sanitize_line(text), look_.longest_line));
}

void Plain::on(const event::Omitted& e) {
  if (look_.level == Level::quiet) return;
  on(event::Warning{e.host, fmt::format("{} {} of '{}' left out here: what this run prints was not read in time", e.lines,
                                        e.lines == 1 ? "line" : "lines", e.step)});
}

void Plain::on(const event::Warning& e) {
  const std::string host = e.host.empty() ? "" : '[' + sanitize_line(e.host) + "] ";
  if (look_.groups.ci() == Ci::github) return streams_.err(annotation(Ci::github, "warning", host + sanitize_text(e.text)));
  streams_.err(fmt::format("{}{} {}\n", host, look_.palette.warning("warning:"), sanitize_text(e.text)));
}

void Plain::on(const event::RunFinished& e) {
  streams_.out(look_.groups.end());
  if (!look_.reading) say(end_table(e.report, look_.table_width, look_.palette));
}

}  // namespace kirikae::ui
