#include <vector>

#include "fuzz/driver.h"
#include "ssh/frame_parser.h"

namespace kirikae::fuzz {
namespace {

const std::string nonce = "00112233445566778899aabbccddeeff";
const std::string mark = "\n" + nonce + " ";

// What was parsed, written down so that two ways of cutting the input can be compared.
struct Story {
  std::string output;  // each frame as one byte 0 in it
  std::vector<ssh::Frame> frames;
  bool failed = false;
};

Story parse(std::string_view input, std::size_t step) {
  Story story;
  ssh::FrameParser parser(nonce);
  const ssh::FrameParser::Sink sink{[&](std::string_view bytes) { story.output += bytes; },
                                    [&](const ssh::Frame& frame) -> Result<void> {
                                      story.frames.push_back(frame);
                                      story.output += '\0';
                                      return {};
                                    }};
  for (std::size_t at = 0; at < input.size() && !story.failed; at += step)
    story.failed = !parser.feed(input.substr(at, step), sink);
  if (!story.failed) parser.finish(sink);
  return story;
}

bool same(const ssh::Frame& a, const ssh::Frame& b) {
  return a.word == b.word && a.number == b.number && a.status == b.status;
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      "motd\n" + mark + "hello 1\n" + mark + "begin 1\nsome output" + mark + "end 1 0\n",
      mark + "pong 18446744073709551615\n" + mark + "end 7 255\n",
      mark + "begin 2\n\n\n\n" + mark.substr(0, 20) + "\n" + mark + "pong 3\n" + mark + "end 2 137\n",
      mark + "end 3\n" + mark + "end 3 256\n",
      mark + "hello " + std::string(600, '1') + "\n",
      mark,
  };
}

void try_input(std::string_view input) {
  const Story whole = parse(input, input.size() + 1);
  if (!whole.failed) {
    must(whole.output.size() <= input.size(), "nothing is made up");
    must(whole.output.find(mark) == std::string::npos, "no frame passes as output");
  }
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{33}, mark.size(), std::size_t{100}}) {
    const Story cut = parse(input, step);
    must(cut.failed == whole.failed, "the verdict doesn't depend on where the bytes were cut");
    must(cut.frames.size() == whole.frames.size(), "nor do the frames");
    for (std::size_t i = 0; i < cut.frames.size(); ++i) must(same(cut.frames[i], whole.frames[i]), "nor what they say");
    if (!whole.failed) must(cut.output == whole.output, "nor does the output");
  }
}

}  // namespace kirikae::fuzz
