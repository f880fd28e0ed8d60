#include "ssh/joined_row.h"

#include <fmt/format.h>

#include <utility>

#include "core/digest.h"

namespace kirikae::ssh {

// The marks are frames with a word of their own, so that no output of a command passes for one. A dot follows each, since the newline
// at the end alone could be the start of a frame of the shell's and would be waited with.
JoinedRow::JoinedRow(const Row& row, const OutputFn& on_output) : row_(row), on_output_(on_output), parser_("") {
  const std::string word = random_hex(16);
  parser_ = FrameParser(word);
  command_ = row.commands.front();
  for (std::size_t i = 1; i < row.commands.size(); ++i) {
    command_.ours = command_.ours && row.commands[i].ours;
    command_.text += fmt::format("printf '\\n{} begin {}\\n.'\n{}", word, i, row.commands[i].text);
  }
  sink_ = {[this](std::string_view bytes) {
             if (std::exchange(dot_, false)) bytes.remove_prefix(1);
             if (!bytes.empty()) on_output_(Stream::out, bytes);
           },
           [this](const Frame& frame) { return take(frame); }};
}

Result<void> JoinedRow::take(const Frame& frame) {
  if (frame.word != Frame::Word::begin || frame.number != current_ + 1 || frame.number >= row_.commands.size()) {
    return std::unexpected(Error(ErrorCode::lost, "it said that a step began which was not its turn"));
  }
  ++current_;
  dot_ = true;
  command_.name = row_.commands[current_].name;
  row_.begun(current_);
  return {};
}

void JoinedRow::hear(Stream stream, std::string_view bytes) {
  // A command alone is shown as it comes: the parser would keep a newline at the end back until more follows.
  if (stream == Stream::err || row_.commands.size() == 1) {
    on_output_(stream, bytes);
    return;
  }
  if (nonsense_) return;
  if (auto fed = parser_.feed(bytes, sink_); !fed) nonsense_ = std::move(fed).error();
}

Result<Exit> JoinedRow::end(Result<Exit> ended) {
  if (!nonsense_) parser_.finish(sink_);
  if (!nonsense_ && ended && ended->ok() && current_ + 1 != row_.commands.size()) {
    nonsense_ = Error(ErrorCode::lost, fmt::format("it ended after '{}', with more to do", command_.name));
  }
  if (nonsense_) return std::unexpected(*std::move(nonsense_));
  return ended;
}

}  // namespace kirikae::ssh
