#include "core/error.h"
#include "core/suggestion.h"
#include "support/catch.h"

namespace kirikae {
namespace {

Error at(std::string line, int column, int length) {
  Error error(ErrorCode::recipe, "wrong");
  error.span = Span{"f", 3, column, length, std::move(line)};
  return error;
}

}  // namespace

TEST_CASE("an error is printed with host, place, context from outside in, line, caret and hint", "[core]") {
  Error error(ErrorCode::recipe, "it is wrong", "do it right");
  error.span = Span{"deploy.yml", 4, 5, 3, "  a: bad"};
  const Error whole = std::move(error).with_context("reading").with_context("starting").on("app1");
  CHECK(to_text(whole) ==
        "[app1] deploy.yml:4:5: starting: reading: it is wrong\n    a: bad\n      ^~~\n  do it right");
  CHECK(to_text(Error(ErrorCode::local, "no room")) == "no room");
}

TEST_CASE("a place without a line is a name, without a source line no caret is drawn", "[core]") {
  Error error(ErrorCode::recipe, "wrong");
  error.span = Span{"app.conf", 0, 0, 1, {}};
  CHECK(to_text(error) == "app.conf: wrong");
  CHECK(to_text(at("", 1, 1)) == "f:3:1: wrong");
}

TEST_CASE("the caret stands under its character, after tabs and letters of many bytes", "[core]") {
  CHECK(to_text(at("\ta: b", 5, 1)) == "f:3:5: wrong\n  \ta: b\n  \t   ^");
  CHECK(to_text(at("ä: öx", 5, 3)) == "f:3:5: wrong\n  ä: öx\n     ^~");
  CHECK(to_text(at("abc", 4, 1)) == "f:3:4: wrong\n  abc\n     ^");
  CHECK(to_text(at("abc", 2, 99)) == "f:3:2: wrong\n  abc\n   ^~");
}

TEST_CASE("of a long line the part around the caret is shown", "[core]") {
  const std::string far = to_text(at(std::string(500, 'a') + 'b' + std::string(500, 'c'), 501, 1));
  const std::string left(80, 'a');
  CHECK(far == "f:3:501: wrong\n  …" + left + 'b' + std::string(79, 'c') + "…\n   " + std::string(80, ' ') + '^');
  const std::string begin = to_text(at("b" + std::string(500, 'c'), 1, 1));
  CHECK(begin == "f:3:1: wrong\n  b" + std::string(159, 'c') + "…\n  ^");
  const std::string end = to_text(at(std::string(500, 'c') + 'b', 501, 1));
  CHECK(end == "f:3:501: wrong\n  …" + std::string(159, 'c') + "b\n   " + std::string(159, ' ') + '^');
}

TEST_CASE("a mistyped name has a nearest one, unless none is near", "[core]") {
  const std::vector<std::string> known = {"deploy", "rollback", "releases", "plan", "a"};
  CHECK(nearest_name("depoly", known) == "deploy");  // two letters swapped are one mistake
  CHECK(nearest_name("rolback", known) == "rollback");
  CHECK(nearest_name("relases", known) == "releases");
  CHECK(nearest_name("pla", known) == "plan");
  CHECK(nearest_name("plan", known) == "plan");
  CHECK(!nearest_name("status", known));
  CHECK(!nearest_name("b", known));  // nothing of it is right
  CHECK(!nearest_name("", known));
  CHECK(!nearest_name(std::string(1'000'000, 'd'), known));
  CHECK(!nearest_name("deploy", {}));
}

TEST_CASE("TRY leaves with the error, TRY_ASSIGN keeps the value", "[core]") {
  const auto fails = []() -> Result<int> { return std::unexpected(Error(ErrorCode::lost, "gone")); };
  const auto works = []() -> Result<int> { return 7; };
  const auto sum = [&](bool fail) -> Result<int> {
    TRY_ASSIGN(const int first, works());
    if (fail) TRY(fails());
    TRY_ASSIGN(const int second, works());
    return first + second;
  };
  CHECK(sum(false) == 14);
  REQUIRE(!sum(true));
  CHECK(sum(true).error().code == ErrorCode::lost);
}

}  // namespace kirikae
