// What we quote is read by a real shell.
#include "core/shell_quote.h"

#include <array>
#include <random>

#include "core/subprocess.h"
#include "support/catch.h"

namespace kirikae {
namespace {

// What /bin/sh makes of `script`.
std::string shell_output(const std::string& script) {
  std::string output;
  SubprocessCall call;
  call.argv = {"/bin/sh"};
  call.input = script;
  call.deadline = Deadline::in(std::chrono::seconds(20));
  call.on_output = [&](bool, std::string_view bytes) { output += bytes; };
  const auto end = run_subprocess(call);
  REQUIRE(end);
  CHECK(end->status == 0);
  return output;
}

const std::vector<std::string>& hostile_words() {
  static const std::vector<std::string> values = {"",         " ",
                                                  "plain",    "it's",
                                                  "'",        "''",
                                                  "'\\''",    "\\",
                                                  "\"",       "$HOME",
                                                  "${x}",     "`id`",
                                                  "$(id)",    "a\nb",
                                                  "\n",       "a\n",
                                                  "\r\n",     "-n",
                                                  "-e x",     "*",
                                                  "?",        "[a]",
                                                  "~",        "!x",
                                                  "#x",       ";id",
                                                  "&",        "|",
                                                  "<",        ">",
                                                  "(",        "{a,b}",
                                                  "a=b",      "\x01\x7f",
                                                  "\xff\xfe", "ä 日本",
                                                  "%s\\n",    std::string(20000, '\'')};
  return values;
}

}  // namespace

TEST_CASE("a quoted value is the same value to a shell", "[core]") {
  for (const auto& value : hostile_words()) {
    INFO(value.substr(0, 40));
    CHECK(shell_output("printf '%s.' " + shell_quote(value) + "\n") == value + '.');
    CHECK(shell_output("printf '%s.' " + shell_word(value) + "\n") == value + '.');
    CHECK(shell_output(shell_assign("v", value) + "printf '%s.' \"$v\"\n") == value + '.');
  }
}

TEST_CASE("quoted values stay apart, whatever stands beside them", "[core]") {
  std::string script = "printf '<%s>'";
  std::string expected;
  for (const auto& value : hostile_words()) {
    script += ' ' + shell_quote(value);
    expected += '<' + value + '>';
  }
  CHECK(shell_output(script + '\n') == expected);
}

TEST_CASE("random bytes survive quoting", "[core]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::string script = "printf '<%s>'";
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    std::string value;
    for (auto size = random() % 20; size > 0; --size) value += static_cast<char>(1 + random() % 255);
    script += ' ' + shell_quote(value);
    expected += '<' + value + '>';
  }
  CHECK(shell_output(script + '\n') == expected);
}

TEST_CASE("a word for people is quoted only where it must be", "[core]") {
  CHECK(shell_word("deploy") == "deploy");
  CHECK(shell_word("/srv/shop-1.2_x") == "/srv/shop-1.2_x");
  CHECK(shell_word("a@b:22") == "a@b:22");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("a b") == "'a b'");
  CHECK(shell_word("~") == "'~'");
}

}  // namespace kirikae
