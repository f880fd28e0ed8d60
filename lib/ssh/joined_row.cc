#include "ssh/joined_row.h"

#include <fmt/format.h>

#include <utility>

#include "core/digest.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t most_early = 65536;

}  // namespace

// The marks are frames with a word of their own, so that no output of a command passes for one. They stand on both streams, since what is
// said on one may come before what was said earlier on the other. A dot follows each, since the newline
// at the end alone could be the start of a frame of the shell's and would be waited with.
JoinedRow::JoinedRow(const Row& row, const OutputFn& on_output) : row_(row), on_output_(on_output), parser_(""), err_parser_(""), early_(row.commands.size()) {
  const std::string word = random_hex(16);
  parser_ = err_parser_ = FrameParser(word);
  command_ = row.commands.front();
  for (std::size_t i = 1; i < row.commands.size(); ++i) {
    command_.ours = command_.ours && row.commands[i].ours;
    command_.text += fmt::format("printf '\\n{0} begin {1}\\n.' >&2\nprintf '\\n{0} begin {1}\\n.'\n{2}", word, i, row.commands[i].text);
  }
  sink_ = {[this](std::string_view bytes) {
             if (std::exchange(dot_, false)) bytes.remove_prefix(1);
             if (!bytes.empty()) on_output_(Stream::out, bytes);
           },
           [this](const Frame& frame) { return take(frame); }};
  err_sink_ = {[this](std::string_view bytes) {
                 if (std::exchange(err_dot_, false)) bytes.remove_prefix(1);
                 if (bytes.empty()) return;
                 if (err_current_ <= current_) {
                   on_output_(Stream::err, bytes);
                 } else if (early_[err_current_].size() < most_early) {
                   early_[err_current_] += bytes;
                 }
               },
               [this](const Frame& frame) { return take_on_err(frame); }};
}

Result<void> JoinedRow::take_on_err(const Frame& frame) {
  if (frame.word != Frame::Word::begin || frame.number != err_current_ + 1 || frame.number >= row_.commands.size()) {
    return std::unexpected(Error(ErrorCode::lost, "it said that a step began which was not its turn"));
  }
  ++err_current_;
  err_dot_ = true;
  return {};
}

Result<void> JoinedRow::take(const Frame& frame) {
  if (frame.word != Frame::Word::begin || frame.number != current_ + 1 || frame.number >= row_.commands.size()) {
    return std::unexpected(Error(ErrorCode::lost, "it said that a step began which was not its turn"));
  }
  ++current_;
  dot_ = true;
  command_.name = row_.commands[current_].name;
  row_.begun(current_);
  if (!early_[current_].empty()) on_output_(Stream::err, std::exchange(early_[current_], {}));
  return {};
}

void JoinedRow::hear(Stream stream, std::string_view bytes) {
  // A command alone is shown as it comes: the parser would keep a newline at the end back until more follows.
  if (row_.commands.size() == 1) {
    on_output_(stream, bytes);
    return;
  }
  if (nonsense_) return;
  auto fed = stream == Stream::out ? parser_.feed(bytes, sink_) : err_parser_.feed(bytes, err_sink_);
  if (!fed) nonsense_ = std::move(fed).error();
}

Result<Exit> JoinedRow::end(Result<Exit> ended) {
  if (!nonsense_) {
    parser_.finish(sink_);
    err_parser_.finish(err_sink_);
  }
  if (!nonsense_ && ended && ended->ok() && current_ + 1 != row_.commands.size()) {
    nonsense_ = Error(ErrorCode::lost, fmt::format("it ended after '{}', with more to do", command_.name));
  }
  if (nonsense_) return std::unexpected(*std::move(nonsense_));
  return ended;
}

}  // namespace kirikae::ssh
