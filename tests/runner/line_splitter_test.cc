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
