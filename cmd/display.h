// Display: what shows a run to the person or the log, chosen by the command line and the terminal.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/secret.h"
#include "options.h"
#include "ui/queue.h"
#include "ui/renderer.h"

namespace kirikae::cmd {

class Display {
 public:
  // `reading`: for verbs that only read; standard output is left to their text. Everything is shown by the destructor's
  // end.
  Display(const Options& options, bool reading, std::stop_token stop);

  [[nodiscard]] event::Sink& sink() { return queue_; }
  // Asks for a passphrase while the display holds still. Empty where nobody can be asked.
  [[nodiscard]] std::function<Secret(const std::string&)> asker();

 private:
  std::stop_token stop_;
  std::unique_ptr<ui::Renderer> renderer_;
  ui::Queue queue_;
  std::stop_callback<std::function<void()>> told_;  // says that the first ^C was heard
};

}  // namespace kirikae::cmd
