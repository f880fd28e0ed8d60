// FrameParser: takes one stream of a control shell apart into frames and what lies between them. Pure: bytes in, calls out.
// The protocol is in docs/design.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace kirikae::ssh {

struct Frame {
  enum class Word { hello, begin, end, pong } word = Word::hello;
  std::uint64_t number = 0;  // hello: the protocol's version; begin, end: the step; pong: the ping
  int status = -1;           // end on standard output only: 0 to 255
};

class FrameParser {
 public:
  // A frame is shorter than this, its two newlines and the nonce included.
  static constexpr std::size_t max_frame = 512;

  struct Sink {
    std::function<void(std::string_view)> output;     // bytes outside of frames, in order, in pieces of any size
    std::function<Result<void>(const Frame&)> frame;  // an error ends the parsing
  };

  explicit FrameParser(std::string nonce);

  // The next bytes of the stream, cut anywhere. What may be the start of a frame is held back until it is clear what it is.
  // Error: lost (a frame with an unknown word, a bad number, or no end), or what sink.frame gave; the parser is of no use then.
  Result<void> feed(std::string_view bytes, const Sink& sink);

  // Whether something is held back that may just as well be output: "\n" at the end of a line, before the next one comes.
  [[nodiscard]] bool holds_output() const { return held_.size() < mark_.size() && told_ < held_.size(); }
  // Gives that as output, for it has waited long enough. Should it be the start of a frame after all, the frame is still seen.
  void release(const Sink& sink);

  // The stream has ended: what was held back is output after all, unless it is a frame that was cut off.
  void finish(const Sink& sink);

 private:
  std::string mark_;      // newline, nonce, blank
  std::string held_;      // begins with a prefix of mark_, or is a frame without its end
  std::size_t told_ = 0;  // how much of held_ was given as output all the same
};

// The words of one frame without its newlines and nonce: "end 7 0". Error: lost.
Result<Frame> parse_frame(std::string_view words);

}  // namespace kirikae::ssh
