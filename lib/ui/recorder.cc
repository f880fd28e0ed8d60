#include "ui/recorder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "ui/terminal.h"

namespace kirikae::ui {
namespace {

constexpr std::size_t head_bytes = 64 << 10;
constexpr std::size_t tail_bytes = 32 << 10;
constexpr std::size_t run_bytes = 16 << 20;
constexpr std::size_t line_bytes = 100;  // what a line takes besides its text

}  // namespace

Recorder::Recorder(RunFile file, JsonStamp stamp, std::unique_ptr<Renderer> shown, bool answers)
    : file_(std::move(file)), shown_(std::move(shown)), output_left_(run_bytes) {
  json_.emplace([this](std::string_view line) { pending_ += line; }, std::move(stamp), answers);
}

Recorder::~Recorder() {
  json_.reset();
  flush();
}

// First the file: who kills us after he has seen something finds it there.
void Recorder::show(const event::Event& event) {
  if (file_.fd.valid()) record(event);
  shown_->show(event);
}

void Recorder::refresh() {
  flush();
  shown_->refresh();
}

void Recorder::record(const event::Event& event) {
  last_at_ = event.at;
  if (std::holds_alternative<event::HostState>(event.what) || std::holds_alternative<event::Progress>(event.what)) return;
  if (const auto* output = std::get_if<event::Output>(&event.what)) return record_output(event, *output);
  if (const auto* omitted = std::get_if<event::Omitted>(&event.what)) {
    printed_[{omitted->host, omitted->step}].omitted += omitted->lines;
    return;
  }
  if (const auto* step = std::get_if<event::StepFinished>(&event.what)) {
    end_output({step->host, step->step}, event.at, step->error.has_value());
  }
  if (std::holds_alternative<event::RunFinished>(event.what)) {
    while (!printed_.empty()) end_output(Key(printed_.begin()->first), event.at, true);
  }
  json_->show(event);
  constexpr std::size_t enough = 64 << 10;
  const bool last = std::holds_alternative<event::RunFinished>(event.what) || std::holds_alternative<event::Answer>(event.what);
  if (pending_.size() >= enough || last) flush();
}

void Recorder::record_output(const event::Event& event, const event::Output& output) {
  Printed& printed = printed_[{output.host, output.step}];
  const std::size_t cost = output.line.size() + line_bytes;
  if (printed.tail.empty() && printed.omitted == 0 && printed.head + cost <= head_bytes && cost <= output_left_) {
    printed.head += cost;
    output_left_ -= cost;
    json_->show(event);
    return;
  }
  printed.tail.push_back(event);
  printed.tail_bytes += cost;
  while (printed.tail_bytes > tail_bytes) {
    printed.tail_bytes -= std::get<event::Output>(printed.tail.front().what).line.size() + line_bytes;
    printed.tail.pop_front();
    ++printed.omitted;
  }
}

void Recorder::end_output(const Key& key, double at, bool keep_tail) {
  const auto found = printed_.find(key);
  if (found == printed_.end()) return;
  Printed printed = std::move(found->second);
  printed_.erase(found);
  if (!keep_tail && printed.tail_bytes > output_left_) {
    printed.omitted += printed.tail.size();
    printed.tail.clear();
  }
  output_left_ -= std::min(output_left_, printed.tail.empty() ? 0 : printed.tail_bytes);
  if (printed.omitted > 0) json_->show({at, event::Omitted{key.first, key.second, printed.omitted}});
  for (event::Event& event : printed.tail) json_->show(event);
}

// That it can't be kept any more fails nothing. What there is of it would be taken for a run that was killed.
void Recorder::flush() {
  if (!file_.fd.valid() || pending_.empty()) return;
  if (!write_all(file_.fd.get(), pending_)) {
    const std::string why = std::strerror(errno);
    ::unlink(file_.path.c_str());
    file_.fd.reset();
    shown_->show({last_at_, event::Warning{"", "this run is not kept for 'deploy report': " + why}});
  }
  pending_.clear();
}

}  // namespace kirikae::ui
