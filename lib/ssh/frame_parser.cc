#include "ssh/frame_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "ssh/printable.h"

namespace kirikae::ssh {
namespace {

// Digits and nothing else; at most `limit`.
bool read_number(std::string_view digits, std::uint64_t limit, std::uint64_t& value) {
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return false;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return failed == std::errc() && end == digits.data() + digits.size() && value <= limit;
}

std::unexpected<Error> bad_frame(std::string_view text) {
  return std::unexpected(
      Error(ErrorCode::lost, "the control shell said '" + printable(text, 80) + "', which is not in the protocol"));
}

}  // namespace

Result<Frame> parse_frame(std::string_view words) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= words.size() && parts.size() < 4;) {
    const auto to = std::min(words.find(' ', from), words.size());
    parts.push_back(words.substr(from, to - from));
    from = to + 1;
  }
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  Frame frame;
  if (parts.size() < 2 || !read_number(parts[1], any, frame.number)) return bad_frame(words);
  const auto word = parts[0];
  if (parts.size() == 2) {
    if (word == "hello") {
      frame.word = Frame::Word::hello;
    } else if (word == "begin") {
      frame.word = Frame::Word::begin;
    } else if (word == "pong") {
      frame.word = Frame::Word::pong;
    } else if (word == "end") {
      frame.word = Frame::Word::end;
    } else {
      return bad_frame(words);
    }
    return frame;
  }
  std::uint64_t status = 0;
  if (parts.size() != 3 || word != "end" || !read_number(parts[2], 255, status)) return bad_frame(words);
  frame.word = Frame::Word::end;
  frame.status = static_cast<int>(status);
  return frame;
}

FrameParser::FrameParser(std::string nonce) : mark_("\n" + std::move(nonce) + " ") {}

Result<void> FrameParser::feed(std::string_view bytes, const Sink& sink) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::move(held_);
    held_.clear();
    joined += bytes;
    bytes = joined;
  }
  std::size_t told = std::exchange(told_, 0);  // how much of the front has been given
  const auto give = [&](std::string_view text) {
    text.remove_prefix(std::exchange(told, 0));
    if (!text.empty()) sink.output(text);
  };
  while (!bytes.empty()) {
    const auto at = bytes.find(mark_);
    if (at == std::string_view::npos) {
      // The only place where a cut mark can begin is the last newline: a mark has no other newline in it.
      const auto tail = bytes.substr(bytes.size() - std::min(bytes.size(), mark_.size() - 1));
      const auto newline = tail.rfind('\n');
      if (newline != std::string_view::npos && mark_.starts_with(tail.substr(newline))) held_ = tail.substr(newline);
      if (held_.size() == bytes.size()) {
        told_ = told;
      } else {
        give(bytes.substr(0, bytes.size() - held_.size()));
      }
      return {};
    }
    if (at > 0) give(bytes.substr(0, at));
    told = 0;
    bytes.remove_prefix(at);
    const auto end = bytes.find('\n', mark_.size());
    if (std::min(end, bytes.size()) >= max_frame) return bad_frame(bytes.substr(mark_.size(), 80));
    if (end == std::string_view::npos) {
      held_ = bytes;
      return {};
    }
    TRY_ASSIGN(const Frame frame, parse_frame(bytes.substr(mark_.size(), end - mark_.size())));
    bytes.remove_prefix(end + 1);
    TRY(sink.frame(frame));
  }
  return {};
}

void FrameParser::release(const Sink& sink) {
  if (!holds_output()) return;
  sink.output(std::string_view(held_).substr(told_));
  told_ = held_.size();
}

void FrameParser::finish(const Sink& sink) {
  release(sink);
  held_.clear();
  told_ = 0;
}

}  // namespace kirikae::ssh
