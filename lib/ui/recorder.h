// Recorder: keeps a run's events in a file, and hands each on to the renderer that shows it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ui/json.h"
#include "ui/renderer.h"
#include "ui/run_folder.h"

namespace kirikae::ui {

// Left out: what is for displays only (host_state, progress), and output beyond what a person reads: of a step the first 64
// KiB and the last 32 are kept, of a run 16 MiB and the last of each step that failed. A file that can't be written to its end is removed, and a
// warning says so.
class Recorder : public Renderer {
 public:
  // `answers`: as of Json.
  Recorder(RunFile file, JsonStamp stamp, std::unique_ptr<Renderer> shown, bool answers = false);
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  Recorder(Recorder&&) = delete;
  Recorder& operator=(Recorder&&) = delete;

  void show(const event::Event& event) override;
  void refresh() override;
  void suspend() override { shown_->suspend(); }

 private:
  struct Printed {  // by a step of a host, so far
    std::size_t head = 0;
    std::deque<event::Event> tail;
    std::size_t tail_bytes = 0;
    std::uint64_t omitted = 0;  // lines between the two
  };
  using Key = std::pair<std::string, std::string>;  // host, step

  void record(const event::Event& event);
  void record_output(const event::Event& event, const event::Output& output);
  void end_output(const Key& key, double at, bool keep_tail);
  void flush();

  RunFile file_;  // its descriptor is invalid once it can't be written any more
  std::string pending_;  // lines that are not yet in the file
  std::optional<Json> json_;  // until the end: it may hold the last line back
  std::unique_ptr<Renderer> shown_;
  std::map<Key, Printed> printed_;
  std::size_t output_left_;
  double last_at_ = 0;
};

}  // namespace kirikae::ui
