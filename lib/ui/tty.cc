#include "ui/tty.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/fold.h"
#include "ui/ending.h"
#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

constexpr auto frame = std::chrono::milliseconds(100);
constexpr std::size_t longest_output = 20;     // screen lines that one line of output may fill
constexpr std::size_t most_held_back = 65536;  // bytes of output that wait for the next frame

double seconds(std::chrono::steady_clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Tty::Tty(std::function<void(std::string_view)> screen, std::function<void(std::string_view)> errors, TtyLook look)
    : screen_(std::move(screen)),
      look_(std::move(look)),
      plain_({[this](std::string_view text) { above_ += text; },
              [this, errors = std::move(errors)](std::string_view text) {
                if (errors) {
                  errors(text);
                } else {
                  above_ += text;
                }
              }},
             look_.plain),
      last_seen_(look_.now()),
      last_drawn_(look_.now() - frame) {}

Tty::~Tty() { draw(false); }

void Tty::show(const event::Event& event) {
  const auto columns = static_cast<std::size_t>(look_.size().columns);
  plain_.set_widths(columns * longest_output, columns);
  note(event);
  plain_.show(event);
  changed_ = true;
  if (!running_ || above_.size() > most_held_back) draw(running_);
}

void Tty::refresh() {
  const auto now = look_.now();
  if (now - last_drawn_ < frame) return;
  const bool clock_moves = running_ && now - last_drawn_ >= std::chrono::seconds(1);
  if (changed_ || clock_moves) draw(true);
}

void Tty::suspend() {
  draw(false);
  changed_ = true;
}

Tty::Host* Tty::find(const std::string& name) {
  const auto at = index_.find(name);
  return at == index_.end() ? nullptr : &hosts_[at->second];
}

double Tty::run_seconds() const { return last_at_ + seconds(look_.now() - last_seen_); }

void Tty::note(const event::Event& event) {
  if (event.at >= last_at_) {  // an event that came in by a side door has no time
    last_at_ = event.at;
    last_seen_ = look_.now();
  }
  if (const auto* run = std::get_if<event::RunStarted>(&event.what)) {
    for (const auto& info : run->hosts) {
      index_[info.name] = hosts_.size();
      hosts_.push_back({info.name, State::waiting, "", 0, 0, 0});
    }
    running_ = true;
  } else if (const auto* started = std::get_if<event::PhaseStarted>(&event.what)) {
    start_phase(*started, event.at);
  } else if (const auto* ended = std::get_if<event::PhaseFinished>(&event.what)) {
    for (Host& host : hosts_) {  // after a failure elsewhere they may have stopped half-way
      if (host.state == State::working) host.state = ended->failed_hosts > 0 ? State::waiting : State::done;
    }
  } else if (const auto* state = std::get_if<event::HostState>(&event.what)) {
    if (Host* host = find(state->host)) host->doing = state->text;
  } else if (const auto* step = std::get_if<event::StepStarted>(&event.what)) {
    if (Host* host = find(step->host)) {
      *host = {host->name, State::working, step->step, 0, 0, event.at};
    }
  } else if (const auto* finished = std::get_if<event::StepFinished>(&event.what)) {
    finish_step(*finished);
  } else if (const auto* progress = std::get_if<event::Progress>(&event.what)) {
    if (Host* host = find(progress->host))
      std::tie(host->sent, host->total) = std::tie(progress->sent, progress->total);
  } else if (std::holds_alternative<event::RunFinished>(event.what)) {
    running_ = false;
  }
}

void Tty::start_phase(const event::PhaseStarted& started, double at) {
  phase_ = event::name_of(started.phase);
  phase_start_ = at;
  for (Host& host : hosts_) {
    if (host.state == State::failed) continue;
    const bool concerned = std::ranges::find(started.hosts, host.name) != started.hosts.end();
    host = {host.name, concerned ? State::working : State::waiting, concerned ? phase_ : "", 0, 0, at};
  }
}

void Tty::finish_step(const event::StepFinished& finished) {
  Host* host = find(finished.host);
  if (host == nullptr) return;
  host->sent = host->total = 0;
  if (finished.error) {
    host->state = State::failed;
    host->doing = finished.step + ": " + finished.error->message;
  } else {
    host->state = State::done;
    host->doing = finished.step;
  }
}

std::string Tty::heading(std::size_t columns) const {
  const auto count = [&](State state) {
    return std::ranges::count_if(hosts_, [&](const Host& h) { return h.state == state; });
  };
  std::string text = fmt::format("{}  {}", phase_.empty() ? "starting" : phase_,
                                 seconds_text(std::max(0.0, run_seconds() - phase_start_)));
  text += fmt::format("  {} of {} host{} done", count(State::done), hosts_.size(), hosts_.size() == 1 ? "" : "s");
  if (count(State::failed) > 0) text += fmt::format(", {} failed", count(State::failed));
  if (count(State::working) > 0) text += fmt::format(", {} at work", count(State::working));
  return cut(text, columns);
}

std::string Tty::host_line(const Host& host, std::size_t name_width, std::size_t columns) const {
  std::string name = cut(sanitize_line(host.name), name_width);
  name += std::string(name_width - display_width(name), ' ');
  std::string what = sanitize_line(host.doing);
  const Palette& palette = look_.plain.palette;
  const std::size_t room = columns > name_width + 4 ? columns - name_width - 4 : 1;
  if (host.state == State::failed) return fmt::format("  {}  {}", name, palette.bad(cut("failed: " + what, room)));
  if (host.state == State::done) return fmt::format("  {}  {}", name, palette.good(cut(what + ": done", room)));
  if (host.sent > 0) {
    what += "  " + size_text(host.sent);
    if (host.total > 0) {
      what +=
          fmt::format(" of {}  {}%", size_text(host.total), std::min<std::uint64_t>(100, host.sent * 100 / host.total));
    }
  }
  if (host.state == State::waiting && what.empty()) return fmt::format("  {}  {}", name, palette.faint("-"));
  const double busy = run_seconds() - host.since;
  if (host.state == State::working && busy >= 1) what += "  " + seconds_text(busy);
  return fmt::format("  {}  {}", name, cut(what, room));
}

// Where there are too many: those that failed, then those that take longest.
std::vector<const Tty::Host*> Tty::worth_showing(std::size_t most) const {
  std::vector<const Host*> shown;
  for (const Host& host : hosts_) shown.push_back(&host);
  if (shown.size() <= most) return shown;
  const auto rank = [](const Host* host) {
    return host->state == State::failed ? 0 : host->state == State::working ? 1 : 2;
  };
  std::ranges::sort(shown, [&](const Host* a, const Host* b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (rank(a) == 1 && a->since != b->since) return a->since < b->since;
    return a < b;  // in recipe order
  });
  shown.resize(most);
  shown.erase(std::ranges::find_if(shown, [&](const Host* host) { return rank(host) == 2; }), shown.end());
  return shown;
}

std::vector<std::string> Tty::live_lines(Size size) const {
  if (!running_) return {};
  const auto columns = static_cast<std::size_t>(
      std::max(size.columns - 1, 10));  // the last column stays free: some terminals wrap there
  const auto rows = static_cast<std::size_t>(std::max(size.rows, 4));
  std::vector<std::string> lines = {heading(columns)};
  const auto shown = worth_showing(rows - 3);
  std::size_t name_width = 0;
  for (const Host* host : shown) name_width = std::max(name_width, display_width(sanitize_line(host->name)));
  name_width = std::min(name_width, columns / 2);
  for (const Host* host : shown) lines.push_back(host_line(*host, name_width, columns));
  if (shown.size() < hosts_.size()) lines.push_back(fmt::format("  and {} more", hosts_.size() - shown.size()));
  return lines;
}

// One write per frame. What is above the live lines scrolls; they are painted over each other where nothing scrolls, so
// that the screen doesn't flicker.
void Tty::draw(bool with_live) {
  const Size size = look_.size();
  const auto lines = with_live ? live_lines(size) : std::vector<std::string>();
  if (lines.empty() && drawn_.empty() && above_.empty()) return;
  std::string out = lines.empty() ? "" : "\x1b[?25l";
  std::size_t up = 0;  // lines that have become longer than the screen is wide are several now
  for (const std::size_t width : drawn_)
    up += 1 + (width == 0 ? 0 : (width - 1) / static_cast<std::size_t>(std::max(size.columns, 1)));
  if (up > 0) out += fmt::format("\r\x1b[{}A", up);
  if (!above_.empty() && up > 0) out += "\x1b[J";
  out += std::exchange(above_, "");
  for (const std::string& line : lines) out += "\x1b[K" + line + '\n';
  if (up > 0) out += "\x1b[J";
  if (lines.empty() && !drawn_.empty()) out += "\x1b[?25h";
  drawn_.clear();
  for (const std::string& line : lines) drawn_.push_back(display_width(sanitize_line(line)));
  if (lines.empty()) {
    note_shown_cursor();
  } else {
    note_hidden_cursor();
  }
  screen_(out);
  changed_ = false;
  last_drawn_ = look_.now();
}

}  // namespace kirikae::ui
