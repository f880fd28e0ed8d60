#include "support/catch.h"
#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

struct Row {
  std::string bytes, text;
};

TEST_CASE("a line from a host becomes text without powers over the terminal") {
  const Row row = GENERATE(
      Row{"plain text", "plain text"}, Row{"", ""}, Row{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      // colours and other complete sequences
      Row{"\x1b[1;31mred\x1b[0m", "red"}, Row{"\x1b[38;2;1;2;3mx", "x"}, Row{"\x1b[?1049hx", "x"}, Row{"\x1b[2Jx", "x"},
      Row{"\x1b(Bx", "x"}, Row{"\x1b=x", "x"},
      Row{"\x1b"
          "cx",
          "x"},
      Row{"\x1b[!px", "x"}, Row{"\x1b]0;title\ax", "x"}, Row{"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"},
      Row{"\x1bPq#0\x1b\\x", "x"}, Row{"\x1b_apc\x1b\\x", "x"}, Row{"\x1b^pm\x1b\\x", "x"}, Row{"\x1bXsos\x1b\\x", "x"},
      // sequences that never end
      Row{"a\x1b", "a\\x1b"}, Row{"a\x1b[", "a\\x1b["}, Row{"a\x1b[12", "a\\x1b[12"},
      Row{"a\x1b]0;title", "a\\x1b]0;title"}, Row{"\x1b]0;a\x1b[31mb", "\\x1b]0;ab"},
      Row{"\x1b[3\xc3\xbcm", "\\x1b[3\xc3\xbcm"},
      // C1, as UTF-8 and as bytes
      Row{"\xc2\x9b"
          "31mx",
          "\\x9b31mx"},
      Row{"\x9b"
          "31mx",
          "\\x9b31mx"},
      Row{"\xc2\x85x", "\\x85x"},
      // single controls
      Row{std::string("a\0b", 3), "a\\x00b"}, Row{"a\ab", "ab"}, Row{"a\x7f", "a\\x7f"},
      Row{"a\vb\fc", "a\\x0bb\\x0cc"}, Row{"a\nb", "a\\x0ab"},
      Row{"a\x0e"
          "b",
          "a\\x0eb"},
      // carriage returns, backspaces, tabs
      Row{"10%\r20%\r30%", "30%"}, Row{"done\r", "done"}, Row{"done\r   ", "done"}, Row{"\r\r", ""},
      Row{"|\b/\b-\bdone", "done"}, Row{"\b\bx", "x"}, Row{"\xe4\xb8\x96\b", ""}, Row{"a\tb", "a       b"},
      Row{"1234567\tb", "1234567 b"}, Row{"12345678\tb", "12345678        b"},
      Row{"\xe4\xb8\x96\tb", "\xe4\xb8\x96      b"},
      // no UTF-8
      Row{"\xff", "\\xff"}, Row{"\xc0\x80", "\\xc0\\x80"}, Row{"\xe2\x80", "\\xe2\\x80"},
      Row{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, Row{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      Row{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      // directions, invisible marks, tags
      Row{"a\xe2\x80\xae"
          "b",
          "a<U+202E>b"},
      Row{"a\xe2\x81\xa6"
          "b",
          "a<U+2066>b"},
      Row{"a\xe2\x80\xa8"
          "b",
          "a<U+2028>b"},
      Row{"a\xef\xbb\xbf", "a<U+FEFF>"},
      Row{"a\xe2\x80\x8b"
          "b",
          "a<U+200B>b"},
      Row{"\xf3\xa0\x81\x81", "<U+E0041>"});
  CAPTURE(row.bytes);
  CHECK(sanitize_line(row.bytes) == row.text);
}

TEST_CASE("no bytes at all leave a control character in a line") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string bytes = {static_cast<char>(first), static_cast<char>(second), '[', 'm', 'x'};
      for (const char c : sanitize_line(bytes)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) FAIL("bytes " << first << ' ' << second);
      }
    }
  }
}

TEST_CASE("text of several lines keeps its newlines") {
  CHECK(sanitize_text("one\x1b[31m\ntwo\r\n\nend") == "one\ntwo\n\nend");
  CHECK(sanitize_text("\n") == "\n");
}

TEST_CASE("columns are counted as a terminal shows characters") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("\xe5\x88\x87\xe3\x82\x8a") == 4);  // 切り
  CHECK(display_width("e\xcc\x81") == 1);                 // e and a combining acute
  CHECK(display_width("\xf0\x9f\x98\x80") == 2);
  for (const char* wide : {"⌚", "⏰", "⏳", "◽", "☕", "♈", "♿", "⚓", "⚡", "⚪", "⚽", "⛄", "⛎", "⛔", "⛪", "⛲", "⛵", "⛺", "⛽", "✅",
                           "✊", "✨", "❌", "❎", "❓", "❗", "➕", "➰", "➿", "⬛", "⭐", "⭕", "〈", "🀄", "🃏", "🆎", "🆗", "🈚", "🉑", "🚀",
                           "🟢", "🟰", "🤖", "🪄", "🫠", "︙"}) {
    CAPTURE(wide);
    CHECK(display_width(wide) == 2);
  }
  for (const char* narrow : {"✓", "✗", "→", "─", "█", "é", "☑", "★", "…"}) {
    CAPTURE(narrow);
    CHECK(display_width(narrow) == 1);
  }
}

TEST_CASE("a cut never splits a character and says that it cut") {
  CHECK(cut("abcdef", 6) == "abcdef");
  CHECK(cut("abcdefg", 6) == "abc...");
  CHECK(cut("\xe5\x88\x87\xe3\x82\x8a\xe5\x88\x87\xe3\x82\x8a", 6) == "\xe5\x88\x87...");
  CHECK(cut("abcdef", 2) == "..");
  CHECK(cut("abcdef", 0).empty());
}

}  // namespace
}  // namespace kirikae::ui
