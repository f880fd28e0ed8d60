#include "ui/meter.h"

#include "support/catch.h"
#include "ui/equal_lines.h"

namespace kirikae::ui {
namespace {

TEST_CASE("a meter says nothing before it has a second to judge by") {
  Meter meter;
  CHECK_FALSE(meter.rate(5));
  meter.add(10, 100);
  meter.add(10.5, 600);
  CHECK_FALSE(meter.rate(10.9));
  CHECK(meter.rate(11) == 500);
}

TEST_CASE("a meter follows the last five seconds and sees a standstill") {
  Meter meter;
  for (int tenth = 0; tenth <= 100; ++tenth) meter.add(tenth / 10.0, static_cast<std::uint64_t>(tenth) * 10);
  CHECK(meter.rate(10) == 100);
  for (int tenth = 101; tenth <= 150; ++tenth)
    meter.add(tenth / 10.0, 1000 + static_cast<std::uint64_t>(tenth - 100) * 50);
  CHECK(meter.rate(15) == 500);  // what was before is forgotten
  CHECK(meter.rate(17.5) < 500);
  CHECK(meter.rate(17.5) > 0);
  meter.add(15.05, 3600);
  CHECK(meter.rate(21) == 0);
  meter.clear();
  CHECK_FALSE(meter.rate(22));
}

std::string lines_text(EqualLines& lines) {
  std::string text;
  for (const auto& line : lines.take()) {
    for (const auto& host : line.hosts) text += host;
    text += ':' + line.text + ' ';
  }
  return text;
}

TEST_CASE("equal lines of hosts are one, and each host's lines stay in their order") {
  EqualLines lines;
  for (const auto* host : {"a", "b", "c"}) {
    lines.add(host, "x");
    lines.add(host, "y");
  }
  lines.add("d", "y");
  lines.add("d", "x");
  lines.add("e", "x");
  CHECK(lines_text(lines) == "abc:x abcd:y de:x ");
  CHECK(lines.bytes() == 0);
  CHECK(lines_text(lines).empty());
}

TEST_CASE("a line that a host prints twice is shown twice, and this machine's are never another's") {
  EqualLines lines;
  lines.add("a", "x");
  lines.add("a", "x");
  lines.add("b", "x");
  lines.add("b", "x");
  lines.add("", "x");
  lines.add("", "x");
  lines.add("c", "x");
  CHECK(lines.bytes() == 7);
  CHECK(lines_text(lines) == "a:x ab:x b:x :x :x c:x ");
}

}  // namespace
}  // namespace kirikae::ui
