#include "ssh/frame_parser.h"

#include <vector>

#include "support/catch.h"

using namespace kirikae;
using ssh::Frame;

namespace {

const std::string nonce = "0123456789abcdef0123456789abcdef";

std::string frame(const std::string& words) { return "\n" + nonce + " " + words + "\n"; }

// What one stream gives, fed in pieces of `step` bytes: output as it is, frames in angle brackets.
struct Parsed {
  std::string text;
  std::string error;
};

Parsed parse(const std::string& bytes, std::size_t step, bool finish = true) {
  Parsed parsed;
  ssh::FrameParser parser(nonce);
  const ssh::FrameParser::Sink sink{[&](std::string_view output) { parsed.text += output; },
                                    [&](const Frame& one) -> Result<void> {
                                      const char* words[] = {"hello", "begin", "end", "pong"};
                                      parsed.text += std::string("<") + words[static_cast<int>(one.word)] + " " +
                                                     std::to_string(one.number);
                                      if (one.status >= 0) parsed.text += " " + std::to_string(one.status);
                                      parsed.text += ">";
                                      return {};
                                    }};
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (auto fed = parser.feed(std::string_view(bytes).substr(at, step), sink); !fed) {
      parsed.error = fed.error().message;
      CHECK(fed.error().code == ErrorCode::lost);
      return parsed;
    }
  }
  if (finish) parser.finish(sink);
  return parsed;
}

}  // namespace

TEST_CASE("frames are told from output wherever the bytes are cut") {
  const std::string bytes = "motd\n\n" + frame("hello 1") + frame("begin 1") + "a\n\nb" + frame("pong 3") + "\n" +
                            nonce.substr(0, 20) + "\n" + "c\n" + frame("end 1 7");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const auto parsed = parse(bytes, step);
    CHECK(parsed.error.empty());
    CHECK(parsed.text == "motd\n\n<hello 1><begin 1>a\n\nb<pong 3>\n" + nonce.substr(0, 20) + "\nc\n<end 1 7>");
  }
}

TEST_CASE("the newline before a frame is the frame's, those before it are the output's") {
  CHECK(parse("a" + frame("end 1 0"), 1000).text == "a<end 1 0>");
  CHECK(parse("a\n" + frame("end 1 0"), 1000).text == "a\n<end 1 0>");
  CHECK(parse("\n\n" + frame("end 1 0"), 1).text == "\n\n<end 1 0>");
}

TEST_CASE("what may begin a frame is held back until that is clear") {
  const std::string half = "out\n" + nonce + " ";
  CHECK(parse(half.substr(0, half.size() - 1), 1000, false).text == "out");
  CHECK(parse(half.substr(0, half.size() - 1), 1000).text == half.substr(0, half.size() - 1));
  CHECK(parse("out\n" + nonce + "x", 1).text == "out\n" + nonce + "x");
  CHECK(parse(std::string("a\0b\n\xff", 5), 2).text == std::string("a\0b\n\xff", 5));
}

TEST_CASE("what has waited long enough is given, and the frame that it was the start of is still seen") {
  std::string text;
  ssh::FrameParser parser(nonce);
  const ssh::FrameParser::Sink sink{[&](std::string_view output) { text += output; },
                                    [&](const Frame&) -> Result<void> {
                                      text += "<frame>";
                                      return {};
                                    }};
  const auto feed = [&](const std::string& bytes) { REQUIRE(parser.feed(bytes, sink)); };
  feed("a line\n");
  CHECK(text == "a line");
  CHECK(parser.holds_output());
  parser.release(sink);
  parser.release(sink);
  CHECK(text == "a line\n");
  CHECK_FALSE(parser.holds_output());
  feed("\n");
  feed("next\n");
  parser.release(sink);
  CHECK(text == "a line\n\nnext\n");
  feed(nonce.substr(0, 5));
  parser.release(sink);
  feed(nonce.substr(5) + " end 1 0\n");
  CHECK(text == "a line\n\nnext\n" + nonce.substr(0, 5) + "<frame>");
  text.clear();
  feed("\n" + nonce);
  parser.release(sink);
  feed("\n" + nonce + " pong 1\n");
  CHECK(text == "\n" + nonce + "<frame>");
  feed("\n" + nonce + " pong");
  parser.release(sink);
  CHECK(text == "\n" + nonce + "<frame>");
}

TEST_CASE("a frame that makes no sense is an error") {
  for (const char* words : {"", "hello", "hello x", "hello -1", "hello +1", "hello 1 2", "begin", "begin 1 1",
                            "pong 1 1", "end", "end x 0", "end 1 256", "end 1 -1", "end 1 0x0", "end 1 0 ", "end 1  0",
                            "end 1 0 0", "done 1", "begin 18446744073709551616"}) {
    INFO(words);
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}}) {
      CHECK(parse(frame(words), step).error ==
            "the control shell said '" + std::string(words).substr(0, std::string(words).find_last_not_of(' ') + 1) +
                (std::string(words).ends_with(' ') ? " " : "") + "', which is not in the protocol");
    }
  }
  CHECK(parse(frame("begin 18446744073709551615"), 1000).text == "<begin 18446744073709551615>");
}

TEST_CASE("a frame without an end is an error, not memory") {
  const auto parsed = parse("\n" + nonce + " " + std::string(5000, '1'), 100);
  CHECK(parsed.text.empty());
  CHECK(parsed.error.find("which is not in the protocol") != std::string::npos);
}
