#include "fuzz/driver.h"
#include "ssh/frame_parser.h"

namespace kirikae::fuzz {
namespace {

const std::string nonce = "0123456789abcdef0123456789abcdef";

struct Heard {
  std::string output;
  std::vector<ssh::Frame> frames;
  bool failed = false;
};

Heard parse(std::string_view bytes, std::size_t piece) {
  Heard heard;
  const ssh::FrameParser::Sink sink{
      [&](std::string_view text) { heard.output += text; },
      [&](const ssh::Frame& frame) -> Result<void> {
        heard.frames.push_back(frame);
        return {};
      }};
  ssh::FrameParser parser(nonce);
  for (std::size_t at = 0; at < bytes.size() && !heard.failed; at += piece) {
    heard.failed = !parser.feed(bytes.substr(at, piece), sink);
  }
  if (!heard.failed) parser.finish(sink);
  return heard;
}

}  // namespace

std::vector<std::string> seeds() {
  const std::string mark = "\n" + nonce + " ";
  return {
      "noise of a .bashrc" + mark + "hello 1\n",
      mark + "begin 1\nsome output\n" + mark + "end 1 0\n",
      mark + "begin 2\n" + mark + "pong 7\nhalf a line" + mark + "end 2 143\n",
      mark.substr(0, 20) + "\n" + mark + "begin 18446744073709551615\n",
  };
}

void try_input(std::string_view input) {
  const Heard whole = parse(input, input.size() + 1);
  for (const std::size_t piece : {1, 3, 64}) {
    const Heard cut = parse(input, piece);
    must(cut.failed == whole.failed && cut.frames.size() == whole.frames.size(), "frames don't depend on how bytes arrive");
    must(cut.failed || cut.output == whole.output, "output doesn't depend on how bytes arrive");
    for (std::size_t i = 0; i < cut.frames.size(); ++i) {
      must(cut.frames[i].number == whole.frames[i].number && cut.frames[i].status == whole.frames[i].status,
           "a frame says the same however its bytes arrive");
    }
  }
  must(whole.output.size() <= input.size(), "nothing is added to the output");
}

}  // namespace kirikae::fuzz
