#include "ui/board_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/fold.h"
#include "ui/ending.h"
#include "ui/sanitize.h"
#include "ui/shared_text.h"

namespace kirikae::ui {
namespace {

using State = BoardHost::State;

// What one line says of a host, or of several that failed alike.
struct HostLine {
  std::string name, text;
  Ink ink = Ink::plain;
  std::string tail = {};  // figures: the text gives way to them
};

class Drawing {
 public:
  Drawing(const Board& board, Size size, double now, const Palette& palette)
      : board_(board),
        columns_(static_cast<std::size_t>(std::max(size.columns - 1, 10))),
        rows_(static_cast<std::size_t>(std::max(size.rows, 2))),
        now_(now),
        palette_(palette) {}

  std::vector<Strip> lines() {
    const std::size_t small = std::min<std::size_t>(rows_ - 1, 6);
    lines_ = {heading(), phases()};
    if (const auto upload = board_.upload(now_)) lines_.push_back(bar(*upload));
    if (const auto& task = board_.local())
      add_hosts({{"this machine", task->name, Ink::plain, "  " + seconds_text(std::max(0.0, now_ - task->since))}});
    // An operator wants to read what hosts print, too: that needs the rest of the screen.
    if (lines_.size() + board_.hosts().size() <= std::max(small, rows_ * 2 / 3)) {
      add_hosts(all_hosts());
    } else {
      const std::size_t most = std::max(small, rows_ / 2);
      summarise(most > lines_.size() ? most - lines_.size() : 0);
    }
    if (lines_.size() > rows_ - 1) lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(rows_ - 1), lines_.end());
    return std::move(lines_);
  }

 private:
  [[nodiscard]] Strip strip() const { return {columns_, palette_}; }

  Strip heading() const {
    Strip line = strip();
    line.add(board_.title(), Ink::strong);
    if (!board_.release().empty()) line.add("  release " + board_.release());
    const std::string clock = "  " + seconds_text(std::max(0.0, now_));
    return line.room() < clock.size()
               ? strip().add(cut(board_.title(), columns_ - clock.size()), Ink::strong).add(clock)
               : line.add(clock);
  }

  // Phases that have passed give way where there is no room for them.
  Strip phases() const {
    std::vector<Board::Passed> passed = board_.passed();
    for (std::size_t dropped = 0;; ++dropped) {
      Strip line{SIZE_MAX, palette_};
      if (dropped > 0) line.add("... > ", Ink::faint);
      for (std::size_t i = dropped; i < passed.size(); ++i) {
        line.add(i > dropped ? " > " : "", Ink::faint);
        add_passed(line, passed[i]);
      }
      if (board_.phase()) {
        line.add(dropped < passed.size() ? " > " : "", Ink::faint);
        add_present(line);
      } else if (passed.empty()) {
        line.add("starting");
      }
      if (line.width() <= columns_ || dropped == passed.size()) return line.width() <= columns_ ? line : shortest();
    }
  }

  static void add_passed(Strip& line, const Board::Passed& phase) {
    line.add(phase.name);
    if (!phase.on_hosts) return;
    if (phase.counts.done > 0 || phase.counts.failed == 0) line.add(fmt::format(" {}", phase.counts.done), Ink::good);
    if (phase.counts.failed > 0) line.add(fmt::format(" {} failed", phase.counts.failed), Ink::bad);
  }

  void add_present(Strip& line) const {
    const auto& phase = *board_.phase();
    line.add(fmt::format("{} {}", phase.name, seconds_text(std::max(0.0, now_ - phase.start))));
    const Board::Counts counts = board_.counts();
    const char* between = ": ";
    const auto say = [&](std::size_t count, const char* what, Ink ink) {
      if (count == 0) return;
      line.add(between).add(fmt::format("{} {}", count, what), ink);
      between = ", ";
    };
    say(counts.failed, "failed", Ink::bad);
    say(counts.done, "done", Ink::good);
    say(counts.working, "at work", Ink::plain);
    say(counts.waiting, "waiting", Ink::faint);
  }

  Strip shortest() const {
    Strip line = strip();
    if (board_.phase()) {
      add_present(line);
    } else {
      add_passed(line, board_.passed().back());
    }
    return line;
  }

  Strip bar(const Board::Upload& upload) const {
    std::string size = size_text(upload.sent), pace;
    if (upload.rate) pace += fmt::format("  {}/s", size_text(static_cast<std::uint64_t>(*upload.rate)));
    if (upload.left) pace += "  " + left_text(*upload.left);
    if (upload.total == 0) return strip().add("sent " + size + pace);
    size += " of " + size_text(upload.total);
    const auto percent = static_cast<std::size_t>(
        std::min(100.0, std::floor(static_cast<double>(upload.sent) * 100 / static_cast<double>(upload.total))));
    const std::string text = fmt::format("{:3}%  {}{}", percent, size, pace);
    constexpr std::size_t frame = 3, least = 8, most = 40;  // brackets and a blank
    const std::size_t room = columns_ > text.size() + frame ? columns_ - text.size() - frame : 0;
    if (room < least) {
      const std::string bare = fmt::format("{}%  {}{}", percent, size, pace);
      return strip().add(bare.size() <= columns_ ? bare : fmt::format("{}%{}", percent, pace));
    }
    const std::size_t width = std::min(room, most), filled = width * percent / 100;
    return strip()
        .add("[")
        .add(std::string(filled, '#'), Ink::good)
        .add(std::string(width - filled, '-') + "] " + text);
  }

  static std::string left_text(double seconds) {
    const auto whole = static_cast<long long>(std::ceil(seconds));
    if (whole < 60) return fmt::format("{} s left", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s left", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min left", whole / 3600, whole % 3600 / 60);
  }

  HostLine line_of(const BoardHost& host) const {
    if (host.state == State::failed) return {host.name, "failed: " + host.failure, Ink::bad};
    if (host.state == State::done) return {host.name, host.doing.empty() ? "done" : host.doing + ": done", Ink::good};
    if (host.doing.empty()) return {host.name, host.takes_part ? "waiting" : "-", Ink::faint};
    std::string tail;
    if (host.sending && host.sent > 0) {
      tail += "  " + size_text(host.sent);
      if (host.total > 0) {
        tail += fmt::format(" of {}  {}%", size_text(host.total),
                            std::min<std::uint64_t>(100, host.sent * 100 / host.total));
      }
    }
    const double busy = now_ - host.since;
    if (busy >= 1) tail += "  " + seconds_text(busy);
    return {host.name, host.doing, host.state == State::waiting ? Ink::faint : Ink::plain, tail};
  }

  std::vector<HostLine> all_hosts() const {
    std::vector<HostLine> lines;
    for (const BoardHost& host : board_.hosts()) lines.push_back(line_of(host));
    return lines;
  }

  void add_hosts(const std::vector<HostLine>& hosts) {
    std::size_t name_width = 0;
    for (const HostLine& host : hosts) name_width = std::max(name_width, display_width(host.name));
    name_width = std::min(name_width, columns_ * 2 / 5);
    for (const HostLine& host : hosts) {
      Strip line = strip();
      line.add("  ").add(cut(host.name, name_width)).pad_to(name_width + 4);
      const std::size_t tail = display_width(host.tail), least = std::min<std::size_t>(8, display_width(host.text));
      const std::string text = line.room() >= tail + least ? cut(host.text, line.room() - tail) : host.text;
      lines_.push_back(line.add(text + host.tail, host.ink));
    }
  }

  // Failed hosts may take half of the room, more only where nobody is at work.
  void summarise(std::size_t room) {
    SharedText failures;
    std::vector<const BoardHost*> busy;
    for (const BoardHost& host : board_.hosts()) {
      if (!host.failure.empty()) failures.add(host.name, host.failure);
      if (host.state == State::working) busy.push_back(&host);
    }
    sort_slowest_first(busy);
    const auto parts = failures.parts();
    if (room == 0) return;
    const bool all = parts.size() + busy.size() <= room;
    const std::size_t rest = all ? room : room - 1;  // "and N more"
    const std::size_t failed_lines =
        std::min(parts.size(), std::max((rest + 1) / 2, rest > busy.size() ? rest - busy.size() : 0));
    const std::size_t busy_lines = std::min(busy.size(), rest - std::min(rest, failed_lines));
    std::vector<HostLine> lines;
    std::size_t failed_left = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i < failed_lines) {
        lines.push_back({names_text(parts[i].hosts), "failed: " + parts[i].text, Ink::bad});
      } else {
        failed_left += parts[i].hosts.size();
      }
    }
    for (std::size_t i = 0; i < busy_lines; ++i) lines.push_back(line_of(*busy[i]));
    add_hosts(lines);
    if (all) return;
    std::string more = failed_left > 0 ? fmt::format("{} more failed", failed_left) : "";
    if (const std::size_t left = busy.size() - busy_lines; left > 0)
      more += fmt::format("{}{} more at work", more.empty() ? "" : ", ", left);
    lines_.push_back(strip().add("  and " + more));
  }

  // By what has been sent in tenths, then by full seconds, so that lines keep their places for a while.
  void sort_slowest_first(std::vector<const BoardHost*>& hosts) const {
    const auto key = [this](const BoardHost* host) {
      return std::tuple(host->total == 0 ? 0 : host->sent * 10 / host->total, -std::floor(now_ - host->since), host);
    };
    std::ranges::sort(hosts, [&](const BoardHost* a, const BoardHost* b) { return key(a) < key(b); });
  }

  const Board& board_;
  std::size_t columns_, rows_;
  double now_;
  const Palette& palette_;
  std::vector<Strip> lines_;
};

}  // namespace

std::vector<Strip> board_lines(const Board& board, Size size, double now, const Palette& palette) {
  return Drawing(board, size, now, palette).lines();
}

}  // namespace kirikae::ui
