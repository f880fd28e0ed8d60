#include "runner/line_splitter.h"

#include <vector>

#include "support/catch.h"

TEST_CASE("output in pieces of any size becomes lines, and a line without end comes in bounded pieces") {
  std::vector<std::string> lines;
  kirikae::runner::LineSplitter splitter([&](std::string line) { lines.push_back(std::move(line)); });
  splitter.add("on");
  splitter.add("e\n\ntwo");
  CHECK(lines == std::vector<std::string>{"one", ""});
  splitter.flush();
  CHECK(lines.back() == "two");
  lines.clear();
  splitter.add(std::string(40'000, 'x') + "\n");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].size() == 16 * 1024);
  CHECK(lines[0].size() + lines[1].size() + lines[2].size() == 40'000);
  splitter.flush();
  CHECK(lines.size() == 3);
}

TEST_CASE("a line that is too long is not cut within a character, however it comes") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += i % 3 == 0 ? "ü" : i % 3 == 1 ? "切" : "🚀";
  const std::size_t piece = GENERATE(1, 2, 7, 16 * 1024, 100'000);
  const std::string before(GENERATE(0, 1, 2, 3), 'x');
  CAPTURE(piece, before);
  std::vector<std::string> lines;
  kirikae::runner::LineSplitter splitter([&](std::string line) { lines.push_back(std::move(line)); });
  const std::string all = before + text + '\n';
  for (std::size_t from = 0; from < all.size(); from += piece) splitter.add(std::string_view(all).substr(from, piece));
  std::string whole;
  for (const auto& line : lines) {
    CHECK((static_cast<unsigned char>(line[0]) & 0xC0) != 0x80);
    CHECK(line.size() <= 16 * 1024);
    whole += line;
  }
  CHECK(whole + '\n' == all);
  CHECK(lines.size() == 2);
  // What is no text is cut where it must be.
  lines.clear();
  splitter.add(std::string(20'000, '\x80') + '\n');
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == 16 * 1024);
}
