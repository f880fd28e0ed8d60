#include "ui/board.h"

#include <algorithm>

#include "ui/ending.h"
#include "ui/sanitize.h"

namespace kirikae::ui {

using State = BoardHost::State;

namespace {

// An error's text as one line: what a command said last stands below in it.
std::string one_line(const std::string& message) {
  std::string line;
  for (std::size_t from = 0; from < message.size();) {
    const std::size_t end = std::min(message.find('\n', from), message.size());
    const std::size_t text = std::min(message.find_first_not_of(' ', from), end);
    if (!line.empty() && text < end) line += ' ';
    line += message.substr(text, end - text);
    from = end + 1;
  }
  return sanitize_line(line);
}

}  // namespace

void Board::note(const event::Event& event) {
  std::visit([&](const auto& what) { on(what, event.at); }, event.what);
}

BoardHost* Board::find(const std::string& name) {
  const auto at = index_.find(name);
  return at == index_.end() ? nullptr : &hosts_[at->second];
}

void Board::on(const event::RunStarted& e, double) {
  title_ = title_text(e.verb, e.application, e.stage);
  for (const auto& info : e.hosts) {
    index_[info.name] = hosts_.size();
    hosts_.emplace_back().name = sanitize_line(info.name);
  }
  running_ = true;
}

void Board::on(const event::ReleaseChosen& e, double) { release_ = sanitize_line(e.release); }

void Board::on(const event::PhaseStarted& e, double at) {
  phase_ = Phase{std::string(event::name_of(e.phase)), at};
  sent_ = 0;
  meter_.clear();
  for (BoardHost& host : hosts_) {
    const State state = host.state == State::failed ? State::failed : State::waiting;
    host = {host.name, state, "", at, false, 0, 0, false, host.failure};
  }
  for (const auto& name : e.hosts) {
    if (BoardHost* host = find(name)) {
      host->takes_part = true;
      host->state = State::waiting;
    }
  }
}

void Board::on(const event::PhaseFinished& e, double) {
  for (BoardHost& host : hosts_) {  // after a failure elsewhere they may have stopped half-way
    if (!host.takes_part || host.state == State::failed) continue;
    if (e.failed_hosts == 0) {
      host.state = State::done;
    } else if (host.state == State::working) {
      host.state = State::waiting;
    }
  }
  const bool on_hosts = std::ranges::any_of(hosts_, [](const BoardHost& host) { return host.takes_part; });
  passed_.push_back({std::string(event::name_of(e.phase)), counts(), on_hosts});
  phase_.reset();
}

// What a host says that it waits for is for people; that it waits at all is in the first word.
void Board::on(const event::HostState& e, double) {
  BoardHost* host = find(e.host);
  if (host == nullptr || host->state == State::failed) return;
  host->doing = sanitize_line(e.text);
  host->state = host->doing.starts_with("waiting") ? State::waiting : State::working;
}

void Board::on(const event::StepStarted& e, double at) {
  if (e.host.empty()) {
    local_ = Task{sanitize_line(e.step), at};
    return;
  }
  BoardHost* host = find(e.host);
  if (host == nullptr) return;
  host->state = State::working;
  host->doing = sanitize_line(e.step);
  host->since = at;
  host->takes_part = true;
  host->sending = false;
}

void Board::on(const event::StepFinished& e, double at) {
  if (e.host.empty()) {
    local_.reset();
    return;
  }
  BoardHost* host = find(e.host);
  if (host == nullptr) return;
  host->state = e.error ? State::failed : State::done;
  host->doing = sanitize_line(e.step);
  host->since = at;
  host->sending = false;
  if (!e.error) return;
  const std::string message = one_line(e.error->message);
  host->failure = message.starts_with(host->doing) ? message : host->doing + ": " + message;
}

void Board::on(const event::Progress& e, double at) {
  BoardHost* host = find(e.host);
  if (host == nullptr) return;
  sent_ += e.sent - host->sent;  // less than nothing where an upload began anew: unsigned numbers go round
  host->sent = e.sent;
  host->total = e.total;
  host->sending = true;
  meter_.add(at, sent_);
}

Board::Counts Board::counts() const {
  Counts counts;
  for (const BoardHost& host : hosts_) {
    if (!host.takes_part) continue;
    switch (host.state) {
      case State::waiting:
        ++counts.waiting;
        break;
      case State::working:
        ++counts.working;
        break;
      case State::done:
        ++counts.done;
        break;
      case State::failed:
        ++counts.failed;
        break;
    }
  }
  return counts;
}

std::optional<Board::Upload> Board::upload(double now) const {
  if (sent_ == 0) return std::nullopt;
  constexpr double settled = 2;  // seconds after which a host's own pace can be judged
  Upload upload{sent_, 0, meter_.rate(now), std::nullopt};
  std::uint64_t usual = 0;  // what hosts get that haven't begun
  for (const BoardHost& host : hosts_) usual = std::max(usual, host.total);
  if (usual == 0) return upload;
  double slowest = 0;
  for (const BoardHost& host : hosts_) {
    if (!host.takes_part) continue;
    const std::uint64_t total = host.state == State::failed ? host.sent : host.total == 0 ? usual : host.total;
    upload.total += std::max(total, host.sent);
    const double busy = now - host.since;
    if (host.sending && host.sent > 0 && total > host.sent && busy >= settled)
      slowest = std::max(slowest, static_cast<double>(total - host.sent) * busy / static_cast<double>(host.sent));
  }
  if (upload.rate.value_or(0) > 0 && upload.total > upload.sent)
    upload.left = std::max(slowest, static_cast<double>(upload.total - upload.sent) / *upload.rate);
  return upload;
}

}  // namespace kirikae::ui
