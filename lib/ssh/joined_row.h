// JoinedRow: a row of steps as the text of one step that says when each of them begins, and its output taken apart again.
// Pure: values in, calls out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "ssh/frame_parser.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class JoinedRow {
 public:
  // `row` and `on_output` outlive this.
  JoinedRow(const Row& row, const OutputFn& on_output);
  JoinedRow(const JoinedRow&) = delete;
  JoinedRow& operator=(const JoinedRow&) = delete;

  // The one step. Its name is always that of the command that runs.
  [[nodiscard]] const host::Command& command() const { return command_; }
  // What it says goes here: commands' output goes on to the row's listener.
  void hear(Stream stream, std::string_view bytes);
  // Its end. Error: lost, where what it said can't be true.
  Result<Exit> end(Result<Exit> ended);

 private:
  Result<void> take(const Frame& frame);
  Result<void> take_on_err(const Frame& frame);

  const Row& row_;
  const OutputFn& on_output_;
  host::Command command_;
  FrameParser parser_, err_parser_;
  FrameParser::Sink sink_, err_sink_;
  std::size_t current_ = 0;      // by standard output
  std::size_t err_current_ = 0;  // by standard error
  bool dot_ = false, err_dot_ = false;  // the next byte is a mark's
  std::vector<std::string> early_;      // standard error of commands whose begin is still on its way
  std::optional<Error> nonsense_;
};

}  // namespace kirikae::ssh
