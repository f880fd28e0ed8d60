// What several steps in one say, taken apart again, in whatever order the two streams come.
#include "ssh/joined_row.h"

#include "support/catch.h"

using namespace kirikae;
using ssh::Stream;

namespace {

// A row of three commands; what is heard of each, as "0:out;1!err;": the command that ran by then, and the stream.
struct Joined {
  Joined() {
    row.begun = [this](std::size_t index) { now = index; };
    joined.emplace(row, on_output);
    const auto& text = joined->command().text;
    const auto at = text.find("\\n") + 2;
    word = text.substr(at, text.find(' ', at) - at);
  }
  void mark(Stream stream, int index) { joined->hear(stream, "\n" + word + " begin " + std::to_string(index) + "\n."); }

  ssh::Row row{{{"a", "a\n"}, {"b", "b\n"}, {"c", "c\n"}}};
  std::size_t now = 0;
  std::string heard, word;
  const ssh::OutputFn on_output = [this](Stream stream, std::string_view bytes) {
    heard += std::to_string(now) + (stream == Stream::out ? ":" : "!") + std::string(bytes) + ";";
  };
  std::optional<ssh::JoinedRow> joined;
};

}  // namespace

TEST_CASE("standard error that comes before its command's begin is kept until then", "[ssh]") {
  Joined all;
  REQUIRE(all.word.size() == 32);
  all.joined->hear(Stream::err, "of a");
  all.mark(Stream::err, 1);
  all.joined->hear(Stream::err, "of b");
  all.mark(Stream::err, 2);
  all.joined->hear(Stream::err, "of c");
  all.joined->hear(Stream::out, "1");
  all.mark(Stream::out, 1);
  all.mark(Stream::out, 2);
  all.joined->hear(Stream::out, "3");
  CHECK(all.joined->end(ssh::Exit{}));
  CHECK(all.heard == "0!of a;0:1;1!of b;2!of c;2:3;");
}

TEST_CASE("standard error of the usual order is passed on as it comes, its last line break too", "[ssh]") {
  Joined all;
  all.mark(Stream::out, 1);
  all.mark(Stream::err, 1);
  all.joined->hear(Stream::err, "of b\n");
  CHECK(all.joined->end(ssh::Exit{1, {}})->status == 1);
  CHECK(all.heard == "1!of b;1!\n;");
}

TEST_CASE("a begin on standard error that is not its turn is no answer", "[ssh]") {
  Joined all;
  all.mark(Stream::err, 2);
  const auto ended = all.joined->end(ssh::Exit{});
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::lost);
}
