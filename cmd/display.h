// Display: what shows a run to the person or the log, chosen by the command line and the terminal.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/secret.h"
#include "options.h"
#include "signals.h"
#include "ui/queue.h"
#include "ui/renderer.h"

namespace kirikae::cmd {

class Display {
 public:
  // `reading`: for verbs that only read; standard output is left to their text. Everything is shown by the destructor's
  // end.
  Display(const Options& options, bool reading, std::stop_token stop);

  [[nodiscard]] event::Sink& sink() { return queue_; }
  // While it lives, nothing is shown but what was emitted before: for questions.
  [[nodiscard]] ui::Queue::Pause pause() { return ui::Queue::Pause(queue_); }
  // What a verb that reads has come to, as an event; for readers that take it so.
  void answer(std::string text, std::string json);
  // Besides what the run itself tells. Any thread.
  void warn(const std::string& host, const std::string& text);
  // Asks for a passphrase while the display holds still. Empty where nobody can be asked.
  [[nodiscard]] std::function<Secret(const std::string&)> asker();

 private:
  [[nodiscard]] double seconds() const;  // since the display began, which is when the run did

  std::stop_token stop_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<ui::Renderer> renderer_;
  ui::Queue queue_;
  std::optional<ui::Queue::Pause> stopped_;             // while ^Z has the program stopped, or it ends
  std::optional<Drawer> drawer_;                        // of a live display
  std::stop_callback<std::function<void()>> told_;  // says that the first ^C was heard
};

// The end of a call that never came to a run, as the run_finished event that every stream of JSON ends with.
void show_json_end(std::string_view verb, const std::vector<Error>& errors, event::Outcome outcome);

// The same of a call whose command line was right: as JSON where it asked for that, and as a record where its run would have been kept, so that
// 'deploy report' doesn't tell of the run before instead; but not of a stage that there isn't, whose runs nobody looks for. Without a word
// where it can't be kept: the call has failed as it is.
void tell_early_end(const Options& options, std::string_view verb, const std::vector<Error>& errors, event::Outcome outcome);

// Stopped where whoever read standard output has left, such as `head`; known at the next write.
std::stop_token reader_left();

// Error (local): standard output didn't take what it was given. None where its reader has left.
std::optional<Error> output_failure();

}  // namespace kirikae::cmd
